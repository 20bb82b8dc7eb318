"""HTML pages: their text, without what only browsers need."""

from __future__ import annotations

from pathlib import Path

from selectolax.lexbor import LexborHTMLParser, LexborNode

from girih.errors import DocumentRejected
from girih.providers.parsers.document import BlockKind, Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.tables import markdown_table
from girih.providers.parsers.text import read_text, too_long

_DROPPED = "script, style, noscript, template, nav, svg, iframe, object, embed, head > :not(title), [hidden]"
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
# fmt: off
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "legend", "li",
    "main", "ol", "p", "pre", "section", "summary", "ul", "td", "th", "tr",
))
# fmt: on
_CELLS = ("td", "th")
_DEEPEST = 500
_WIDEST = 500


def parse_html(path: Path, limits: Limits) -> ParsedDocument:
    """Headings, paragraphs, list items and whole tables, in reading order."""
    builder = Builder(limits.characters)
    return builder.build(read_markup(read_text(path), builder, limits))


def read_markup(markup: str, builder: Builder, limits: Limits, number: int | None = None) -> str | None:
    """Add the blocks of a page, which may have a number, to those that are there; gives the page's title."""
    tree = LexborHTMLParser(markup)
    for node in tree.css(_DROPPED):
        node.decompose()
    title = tree.css_first("title", default=None)
    page = _Page(builder, number)
    if tree.body is not None:
        for node in tree.body.traverse(include_text=True):
            page.take(node)
            if page.builder.full:
                raise too_long(limits)
    page.flush()
    return title.text() if title else None


class _Page:
    """Reads the texts of a page in order; texts of one block (or one table) belong together."""

    def __init__(self, builder: Builder, number: int | None) -> None:
        self.builder = builder
        self._number = number
        self._block: LexborNode | None = None
        self._table: LexborNode | None = None
        self._cell: LexborNode | None = None
        self._row: LexborNode | None = None
        self._text: list[str] = []
        self._rows: list[list[str]] = []

    def take(self, node: LexborNode) -> None:
        """Take one node of the tree."""
        if node.tag == "br":
            self._text.append("\n")
        if not node.is_text_node or not (text := node.text_content):
            return
        around = _ancestors(node)
        table = next((place for place in reversed(around) if place.tag == "table"), None)
        if table is not None:
            self._in_table(text, table, around)
            return
        block = next((place for place in around if place.tag in _BLOCKS or place.tag in _HEADINGS), None)
        if not _same(block, self._block) or self._table is not None:
            self.flush()
        self._block = block
        self._text.append(text)

    def flush(self) -> None:
        """End the block that is open."""
        tag = (self._block.tag or "") if self._block is not None else ""
        text = "".join(self._text)
        if self._table is not None:
            self.builder.add("table", markdown_table(self._rows), self._number)
        elif tag in _HEADINGS:
            self.builder.heading(text, _HEADINGS[tag], self._number)
        elif tag == "pre":
            self.builder.add("code", text, self._number)
        else:
            kind: BlockKind = "list" if tag == "li" else "paragraph"
            lines = (" ".join(line.split()) for line in text.split("\n")) if "\n" in text else [" ".join(text.split())]
            self.builder.add(kind, "\n".join(line for line in lines if line), self._number)
        self._text, self._rows = [], []
        self._block = self._table = self._row = self._cell = None

    def _in_table(self, text: str, table: LexborNode, around: list[LexborNode]) -> None:
        words = " ".join(text.split())
        if not words:
            return
        if not _same(table, self._table):
            self.flush()
            self._table = table
        row = next((place for place in reversed(around) if place.tag == "tr"), None)
        cell = next((place for place in reversed(around) if place.tag in _CELLS), None)
        if not self._rows or not _same(row, self._row):
            self._rows.append([""] * _column(cell) + [words])
        elif not _same(cell, self._cell):
            self._rows[-1] += [""] * (_column(cell) - len(self._rows[-1])) + [words]
        else:
            self._rows[-1][-1] += f" {words}"
        self._row, self._cell = row, cell


def _column(cell: LexborNode | None) -> int:
    """How many cells stand before this one in its row."""
    before, place = 0, cell.prev if cell is not None else None
    while place is not None and before < _WIDEST:
        before += place.tag in _CELLS
        place = place.prev
    return before


def _ancestors(node: LexborNode) -> list[LexborNode]:
    """The elements a text stands in, innermost first."""
    around: list[LexborNode] = []
    place = node.parent
    while place is not None:
        around.append(place)
        if len(around) > _DEEPEST:
            raise DocumentRejected(f"the page nests its elements more than {_DEEPEST} deep")
        place = place.parent
    return around


def _same(one: LexborNode | None, other: LexborNode | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.mem_id == other.mem_id
