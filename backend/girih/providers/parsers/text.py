"""Plain text and Markdown."""

from __future__ import annotations

import re
from pathlib import Path

from charset_normalizer import from_bytes

from girih.errors import DocumentRejected
from girih.providers.parsers.document import BlockKind, Builder, ParsedDocument, clean
from girih.providers.parsers.limits import Limits

_STRAYS = re.compile("[\udc80-\udcff]")
"""Bytes that are no UTF-8, as `surrogateescape` reads them."""
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ATX = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")


def read_text(path: Path) -> str:
    """The file's text in whatever encoding it is. Raises `DocumentRejected` for what is no text."""
    return decode(path.read_bytes())


def decode(data: bytes) -> str:
    """Bytes of a text in whatever encoding they are. Raises `DocumentRejected` for what is no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return clean(data.decode(encoding, "replace"))
    if b"\x00" in data:
        raise DocumentRejected("this is not a text file: it holds binary data")
    try:
        return clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        if (text := _put_together(data)) is not None:
            return clean(text)
        best = from_bytes(data[: 2**20]).best()
        if best is None:
            raise DocumentRejected(
                "the encoding of this text cannot be told", help="save it as UTF-8 and upload it again"
            ) from None
        return clean(data.decode(best.encoding, "replace"))


def _put_together(data: bytes) -> str | None:
    """A text of UTF-8 with some letters as Windows writes them, as texts that were put together are; else `None`."""
    text = data.decode("utf-8", "surrogateescape")
    strays = len(_STRAYS.findall(text))
    letters = sum(char > "\x7f" for char in text) - strays
    if letters <= strays:
        return None
    return _STRAYS.sub(lambda stray: bytes([ord(stray[0]) & 0xFF]).decode("cp1252", "replace"), text)


def parse_text(path: Path, limits: Limits) -> ParsedDocument:
    """Paragraphs between blank lines."""
    builder = Builder(limits.characters)
    add_paragraphs(builder, read_text(path), limits)
    return builder.build()


def add_paragraphs(builder: Builder, text: str, limits: Limits) -> None:
    """Add what stands between blank lines."""
    for paragraph in _PARAGRAPHS.split(clean(text)):
        builder.add("paragraph", paragraph)
        if builder.full:
            raise too_long(limits)


def parse_markdown(path: Path, limits: Limits) -> ParsedDocument:
    """Headings, paragraphs, lists, tables and code of a Markdown file."""
    text = read_text(path)
    title = None
    if front := _FRONT_MATTER.match(text):
        named = _TITLE.search(front.group(1))
        title = named.group(1).strip("\"' ") if named else None
        text = text[front.end() :]
    reader = _Markdown(Builder(limits.characters))
    for line in text.split("\n"):
        reader.line(line)
        if reader.builder.full:
            raise too_long(limits)
    reader.flush()
    return reader.builder.build(title)


def too_long(limits: Limits) -> DocumentRejected:
    """The refusal of a text that is over the limit."""
    return DocumentRejected(
        f"the document has more than {limits.characters:,} characters", help="split it into several documents"
    )


class _Markdown:
    """Reads line by line; what belongs together becomes one block."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self._lines: list[str] = []
        self._fence: str | None = None

    def line(self, line: str) -> None:
        """Take one line."""
        if self._fence is not None:
            self._in_code(line)
        elif fence := _FENCE.match(line):
            self.flush()
            self._fence = fence.group(1)
        elif heading := _ATX.match(line):
            self.flush()
            self.builder.heading(heading.group(2) or "", len(heading.group(1)))
        elif self._lines and len(self._lines) == 1 and self._kind() == "paragraph" and _SETEXT.match(line):
            self.builder.heading(self._lines.pop(), 1 if "=" in line else 2)
        elif not line.strip():
            self.flush()
        else:
            self._lines.append(line)

    def flush(self) -> None:
        """End the block that is open."""
        if self._lines:
            self.builder.add(self._kind(), "\n".join(self._lines))
        self._lines = []
        self._fence = None

    def _in_code(self, line: str) -> None:
        if self._fence is not None and line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
            self.builder.add("code", "\n".join(self._lines))
            self._lines, self._fence = [], None
        else:
            self._lines.append(line)

    def _kind(self) -> BlockKind:
        if self._fence is not None:
            return "code"
        if all(line.lstrip().startswith("|") for line in self._lines):
            return "table"
        return "list" if _ITEM.match(self._lines[0]) else "paragraph"
