"""A parsed document: its text in blocks, each with its place."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]

JOINT = "\n\n"
"""What stands between two blocks in the text of a document."""


class Block(BaseModel):
    """A piece of a document that belongs together.

    `heading` is the path of headings it stands under, outermost first (a heading's own path ends with itself); `page`
    counts from 1; `text == document.text[start:end]`.
    """

    model_config = ConfigDict(frozen=True)

    kind: BlockKind
    text: str
    heading: tuple[str, ...] = ()
    page: int | None = None
    start: int
    end: int


class ParsedDocument(BaseModel):
    """What a parser found. `pages` is unknown for kinds of files that have none."""

    model_config = ConfigDict(frozen=True)

    title: str | None
    pages: int | None
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """The whole text, which the offsets of the blocks count in."""
        return JOINT.join(block.text for block in self.blocks)


class Builder:
    """Collects blocks in reading order and keeps count of offsets and of the path of headings."""

    def __init__(self, max_characters: int) -> None:
        self._left = max_characters
        self._blocks: list[Block] = []
        self._path: list[tuple[int, str]] = []
        self._at = 0
        self.title: str | None = None

    @property
    def full(self) -> bool:
        """Whether the document has more characters than are taken."""
        return self._left < 0

    def heading(self, text: str, level: int, page: int | None = None) -> None:
        """A heading of a level (1 is the outermost); it ends those of its level and below."""
        text = " ".join(text.split())
        if not text:
            return
        while self._path and self._path[-1][0] >= level:
            self._path.pop()
        self._path.append((level, text[:200]))
        self.title = self.title or text[:200]
        self.add("heading", text, page)

    def leave(self) -> None:
        """End all headings: what follows stands under none."""
        self._path = []

    def add(self, kind: BlockKind, text: str, page: int | None = None) -> None:
        """A block under the headings that stand now."""
        text = clean(text).strip("\n").rstrip()
        if not text.strip():
            return
        self._left -= len(text)
        path = tuple(heading for _, heading in self._path)
        end = self._at + len(text)
        self._blocks.append(Block(kind=kind, text=text, heading=path, page=page, start=self._at, end=end))
        self._at = end + len(JOINT)

    def build(self, title: str | None = None, pages: int | None = None) -> ParsedDocument:
        """The document. `title` is the file's own; without one it is the first heading."""
        own = " ".join(clean(title).split())[:200] if title else None
        return ParsedDocument(title=own or self.title, pages=pages, blocks=tuple(self._blocks))


def clean(text: str) -> str:
    """Text that a database takes: no NUL, no half characters, one kind of line end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", "replace").decode("utf-8")
