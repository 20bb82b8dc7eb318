"""Cuts a parsed document into passages, by the strategy that its collection names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from pydantic import BaseModel, ConfigDict

from girih.language.spec.tree import JsonObject
from girih.providers.parsers.document import Block, ParsedDocument
from girih.services.knowledge.cut_rules import Context, CutRules, Strategy
from girih.services.knowledge.units import Unit, paragraphs, sentences, smaller, tokens, windows

VERSION = 1
"""Grows whenever equal documents would be cut differently; stored passages name it."""

_CHILDREN = 4
"""How many times smaller than a parent its children are."""

_FREE: dict[Strategy, Callable[[Block, int], Iterator[Unit]]] = {
    "recursive": paragraphs,
    "sentence": sentences,
    "tokens": tokens,
}
"""Strategies whose passages may reach over headings, with what they leave whole."""


class Passage(BaseModel):
    """A piece of a document's text: `text == document.text[start:end]`. `page` is the one it begins on.

    `focus` is the part that is searched, as offsets in the document, where that is not all of it. `notes` are what a
    model added: `title`, `summary`, `questions`.
    """

    model_config = ConfigDict(frozen=True)

    text: str
    heading: tuple[str, ...]
    page: int | None
    start: int
    end: int
    focus: tuple[int, int] | None = None
    notes: JsonObject | None = None

    @property
    def searched(self) -> str:
        """The text that is embedded, and whose words are found."""
        if self.focus is None:
            return self.text
        return self.text[self.focus[0] - self.start : self.focus[1] - self.start]

    def with_header(self, title: str | None, context: Context = "headings") -> str:
        """The text to embed: title and headings first, because a passage alone seldom says what it is about."""
        above = {"headings": (title, *self.heading), "title": (title,), "none": ()}[context]
        header = " › ".join(dict.fromkeys(part for part in above if part))
        return f"{header}\n\n{self.searched}" if header else self.searched


def cut(document: ParsedDocument, rules: CutRules) -> list[Passage]:
    """Passages of at most `rules.size` words; each repeats at most the last `rules.overlap` of the one before.

    A word is 24 characters at most, so texts without spaces are cut as well. With `parent`, a passage comes once for
    each of its parts that is searched.
    """
    if rules.strategy in _FREE:
        return list(_freely(document, rules))
    if rules.strategy == "parent":
        parents = _sectioned(document, rules.size, 0)
        return [part for parent, units in parents for part in _parts(parent, units, rules)]
    return [passage for passage, _ in _sectioned(document, rules.size, rules.overlap)]


def _freely(document: ParsedDocument, rules: CutRules) -> Iterator[Passage]:
    units = [unit for block in document.blocks for unit in _FREE[rules.strategy](block, rules.size)]
    text = document.text
    for first, last in windows(units, rules.size, rules.overlap):
        yield _passage(text, units[first : last + 1], units[first].block.heading)


def _sectioned(document: ParsedDocument, size: int, overlap: int) -> Iterator[tuple[Passage, list[Unit]]]:
    """Passages that keep to their section, with what they are made of."""
    text = document.text
    for heading, blocks in _sections(document.blocks):
        units = [unit for block in blocks for unit in sentences(block, size)]
        for first, last in windows(units, size, overlap):
            inside = units[first : last + 1]
            yield _passage(text, inside, heading), inside


def _parts(parent: Passage, units: list[Unit], rules: CutRules) -> Iterator[Passage]:
    """The parent once for each of its children."""
    size = rules.size // _CHILDREN
    small = [piece for unit in units for piece in smaller(unit, size)]
    for first, last in windows(small, size, rules.overlap // _CHILDREN):
        yield parent.model_copy(update={"focus": (small[first].start, small[last].end)})


def _passage(text: str, units: list[Unit], heading: tuple[str, ...]) -> Passage:
    start, end = units[0].start, units[-1].end
    return Passage(text=text[start:end], heading=heading, page=units[0].block.page, start=start, end=end)


def _sections(blocks: Iterable[Block]) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """Blocks under one heading; headings without a text of their own go to the section that follows."""
    waiting: list[Block] = []
    number = 0
    path: tuple[str, ...] = ()
    numbered = []
    for block in blocks:
        # A slide without a title stands under no heading, although none begins there.
        number += block.kind == "heading" or block.heading != path
        path = block.heading
        numbered.append((number, block))
    for _, group in groupby(numbered, key=lambda pair: pair[0]):
        waiting.extend(block for _, block in group)
        if waiting[-1].kind != "heading":
            yield waiting[-1].heading, waiting
            waiting = []
    if waiting:
        yield waiting[-1].heading, waiting
