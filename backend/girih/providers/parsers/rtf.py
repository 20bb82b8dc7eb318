"""Rich Text Format (RTF)."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace
from pathlib import Path

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.tables import markdown_table
from girih.providers.parsers.text import too_long

_TOKEN = re.compile(
    r"\\(?P<word>[A-Za-z]{1,40})(?P<number>-?\d{1,10})? ?"
    r"|\\'(?P<byte>[0-9A-Fa-f]{2})"
    r"|\\(?P<sign>.)"
    r"|(?P<brace>[{}])"
    r"|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
# fmt: off
_WITHOUT_TEXT = frozenset((
    "author", "bkmkend", "bkmkstart", "colortbl", "comment", "company", "filetbl", "fldinst", "fonttbl", "footer",
    "footerf", "footerl", "footerr", "generator", "header", "headerf", "headerl", "headerr", "info", "keywords",
    "listoverridetable", "listtable", "nonshppict", "objdata", "operator", "pict", "revtbl", "rsidtbl", "stylesheet",
    "subject", "xmlnstbl",
))
_SIGNS = {
    "tab": "\t", "line": "\n", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ",
}
# fmt: on
_SYMBOLS = {"~": " ", "_": "-", "\\": "\\", "{": "{", "}": "}"}
_DEEPEST = 1_000


def parse_rtf(path: Path, limits: Limits) -> ParsedDocument:
    """Paragraphs, headings (by their outline level) and whole tables."""
    reader = _Reader(limits)
    # Each byte is a character of its own here; which letters they stand for, the file says itself.
    reader.read(path.read_bytes().decode("latin-1"))
    return reader.builder.build(reader.title)


@dataclass(frozen=True)
class _Group:
    """What holds between a `{` and its `}`: whether there is text, and how many signs stand in for one `\\u`."""

    silent: bool = False
    is_title: bool = False
    stand_ins: int = 1


class _Reader:
    def __init__(self, limits: Limits) -> None:
        self.builder = Builder(limits.characters)
        self.title: str | None = None
        self._limits = limits
        self._groups = [_Group()]
        self._encoding = "cp1252"
        self._to_skip = 0
        self._text: list[str] = []
        self._bytes = bytearray()
        self._level: int | None = None
        self._in_table = False
        self._row: list[str] = []
        self._rows: list[list[str]] = []

    def read(self, source: str) -> None:
        """Take the whole file."""
        at = 0
        while match := _TOKEN.search(source, at):
            at = match.end()
            if word := match["word"]:
                number = int(match["number"]) if match["number"] else None
                if word == "bin":
                    at += max(number or 0, 0)
                else:
                    self._word(word, number)
            elif brace := match["brace"]:
                self._brace(brace)
            else:
                self._signs(match)
        self._paragraph()
        self._end_table()

    def _brace(self, brace: str) -> None:
        self._to_skip = 0
        if brace == "{":
            if len(self._groups) > _DEEPEST:
                raise DocumentRejected(f"the file nests its groups more than {_DEEPEST:,} deep")
            self._groups.append(self._groups[-1])
            return
        if self._groups[-1].is_title and len(self._groups) > 1 and not self._groups[-2].is_title:
            self.title = self._taken()
        if len(self._groups) > 1:
            self._groups.pop()

    def _signs(self, match: re.Match[str]) -> None:
        if match["byte"]:
            signs = bytes.fromhex(match["byte"])
        elif (sign := match["sign"]) is not None:
            self._symbol(sign)
            return
        else:
            signs = match["text"].encode("latin-1")
        skipped = min(self._to_skip, len(signs))
        self._to_skip -= skipped
        if not self._groups[-1].silent:
            self._bytes += signs[skipped:]

    def _symbol(self, sign: str) -> None:
        if sign == "*":
            self._groups[-1] = replace(self._groups[-1], silent=True)
        elif sign in "\r\n":
            self._paragraph()
        elif sign in _SYMBOLS:
            self._add(_SYMBOLS[sign])

    def _word(self, word: str, number: int | None) -> None:
        if word in _SIGNS:
            self._add(_SIGNS[word])
        elif word == "u":
            self._add(chr((number or 0) & 0xFFFF))
            self._to_skip = self._groups[-1].stand_ins
        elif word == "title":
            self._groups[-1] = replace(self._groups[-1], silent=False, is_title=True)
        elif word in _WITHOUT_TEXT:
            self._groups[-1] = replace(self._groups[-1], silent=True)
        else:
            self._setting(word, number)

    def _setting(self, word: str, number: int | None) -> None:
        if word == "uc":
            self._groups[-1] = replace(self._groups[-1], stand_ins=min(max(number or 0, 0), 8))
        elif word == "ansicpg":
            self._encoding = _known(f"cp{number}")
        elif word in ("par", "sect", "page"):
            self._paragraph()
        elif word == "pard":
            self._level, self._in_table = None, False
        elif word == "outlinelevel":
            self._level = (number or 0) + 1
        else:
            self._table(word)

    def _table(self, word: str) -> None:
        if word == "intbl":
            self._in_table = True
        elif word == "cell":
            self._row.append(self._taken())
        elif word == "row":
            self._rows.append(self._row)
            self._row = []

    def _add(self, text: str) -> None:
        if not self._groups[-1].silent:
            self._flush()
            self._text.append(text)

    def _flush(self) -> None:
        if self._bytes:
            self._text.append(self._bytes.decode(self._encoding, "replace"))
            self._bytes.clear()

    def _taken(self) -> str:
        """The text since the last one was taken. Signs beyond 16 bits are written as two halves."""
        self._flush()
        text = "".join(self._text)
        self._text = []
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _paragraph(self) -> None:
        if self._in_table:
            self._add("\n")
            return
        text = self._taken()
        if not text.strip():
            return
        self._end_table()
        if self._level is not None and self._level <= 9:
            self.builder.heading(text, self._level)
        else:
            self.builder.add("paragraph", text)
        if self.builder.full:
            raise too_long(self._limits)

    def _end_table(self) -> None:
        if self._row:
            self._rows.append(self._row)
        if self._rows:
            self.builder.add("table", markdown_table(self._rows))
        self._row, self._rows = [], []


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return "cp1252"
