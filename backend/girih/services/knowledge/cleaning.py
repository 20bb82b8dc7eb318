"""Cleans a parsed document before it is cut: what its pipeline's `cleaner` names, always in the same order.

Every cleaner works on blocks, and the document is put together anew from what is left: the offsets of a block are those
of the cleaned text, which is the one that passages and citations count in.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from girih.language.spec.patterns import search
from girih.language.spec.pipelines import CleanerStep, ParserStep
from girih.providers.parsers.document import JOINT, Block, ParsedDocument

VERSION = 1
"""Grows whenever equal documents would be cleaned differently; stored passages name it."""

_EDGE = 2
"""How many lines at the top and at the bottom of a page may be a running header or footer."""
_FEWEST_PAGES = 3
_AS_THEY_ARE = ("table", "code")
_DIGITS = re.compile(r"\d+")
# Soft hyphens say themselves that they part a word; a hard one does where a small letter follows.
_HYPHEN = re.compile(r"(?<=[^\W\d_])(?:\u00ad[ \t]*\n[ \t]*|[-\u2010][ \t]*\n[ \t]*(?=[a-zß-öø-ÿ]))")
_SPACES = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n\s*\n")
_AROUND_LINES = re.compile(r" ?\n ?")

Change = Callable[[Block], str]


def cleaned(document: ParsedDocument, cleaner: CleanerStep, parser: ParserStep) -> ParsedDocument:
    """The document without what its pipeline leaves out. One that needs no cleaning is given back as it is."""
    blocks: Iterable[Block] = document.blocks
    if parser.tables == "drop":
        blocks = [block for block in blocks if block.kind != "table"]
    if cleaner.unicode is not None:
        form = cleaner.unicode
        blocks = [_normal(block, form) for block in blocks]
    if cleaner.repeated == "drop":
        blocks = _without_repeated(list(blocks))
    if cleaner.drop is not None:
        blocks = _changed(blocks, _without_lines(cleaner.drop))
    if cleaner.hyphens == "join":
        blocks = _changed(blocks, lambda block: _HYPHEN.sub("", block.text))
    if cleaner.whitespace == "collapse":
        blocks = _changed(blocks, _collapsed)
    return document if blocks is document.blocks else _rebuilt(document, blocks)


def _normal(block: Block, form: str) -> Block:
    heading = tuple(_in_form(part, form) for part in block.heading)
    return block.model_copy(update={"text": _in_form(block.text, form), "heading": heading})


def _in_form(text: str, form: str) -> str:
    return unicodedata.normalize("NFKC" if form == "NFKC" else "NFC", text)


def _changed(blocks: Iterable[Block], change: Change) -> list[Block]:
    """The blocks with another text; tables and code are left as they are."""
    return [
        block if block.kind in _AS_THEY_ARE else block.model_copy(update={"text": change(block)}) for block in blocks
    ]


def _without_lines(patterns: Iterable[str]) -> Change:
    asked = tuple(patterns)

    def change(block: Block) -> str:
        lines = block.text.split("\n")
        return "\n".join(line for line in lines if not any(search(pattern, line) for pattern in asked))

    return change


def _collapsed(block: Block) -> str:
    text = _SPACES.sub(" ", block.text)
    return _EMPTY_LINES.sub("\n\n", _AROUND_LINES.sub("\n", text)).strip()


# --- running headers and footers


def _without_repeated(blocks: list[Block]) -> list[Block]:
    """Leave out lines at the edges of pages that more than half of the pages have, numbers apart (`Page 3 of 12`)."""
    pages = {block.page for block in blocks if block.page is not None}
    if len(pages) < _FEWEST_PAGES:
        return blocks
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update({_shape(line) for _, _, line in _edges(blocks, page)})
    repeated = {shape for shape, count in seen.items() if shape and count * 2 > len(pages)}
    gone: dict[int, set[int]] = {}
    for page in pages:
        for at, number, line in _edges(blocks, page):
            if _shape(line) in repeated:
                gone.setdefault(at, set()).add(number)
    return [_without(block, gone.get(at, set())) for at, block in enumerate(blocks)]


def _edges(blocks: list[Block], page: int) -> Iterator[tuple[int, int, str]]:
    """The first and the last lines of a page, each with the number of its block and its number in there."""
    lines = [
        (at, number, line)
        for at, block in enumerate(blocks)
        if block.page == page and block.kind not in _AS_THEY_ARE
        for number, line in enumerate(block.text.split("\n"))
    ]
    yield from lines[:_EDGE]
    yield from lines[max(_EDGE, len(lines) - _EDGE) :]


def _shape(line: str) -> str:
    return _DIGITS.sub("#", " ".join(line.split())).casefold()


def _without(block: Block, numbers: set[int]) -> Block:
    if not numbers:
        return block
    lines = [line for number, line in enumerate(block.text.split("\n")) if number not in numbers]
    return block.model_copy(update={"text": "\n".join(lines)})


# --- putting together


def _rebuilt(document: ParsedDocument, blocks: Iterable[Block]) -> ParsedDocument:
    placed: list[Block] = []
    at = 0
    for block in blocks:
        text = block.text.strip("\n").rstrip()
        if not text.strip():
            continue
        placed.append(block.model_copy(update={"text": text, "start": at, "end": at + len(text)}))
        at += len(text) + len(JOINT)
    return document.model_copy(update={"blocks": tuple(placed)})
