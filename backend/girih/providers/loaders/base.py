"""The port of loaders: a source lists its items page by page, and gives one item's bytes when it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from girih.errors import GirihError
from girih.language.spec.tree import JsonObject

PAGE = 100
"""So many items a loader gives at once, at most."""
PAGE_BYTES = 8 * 2**20
"""Items that carry their bytes make a page early when these are more."""


class SourceFault(GirihError):
    """A source that cannot be listed or read at all: not reached, not allowed, or not as it was described."""

    code = "source_fault"

    def __init__(self, message: str, *, help: str | None = None, can_pass: bool = False) -> None:
        super().__init__(message, help=help)
        self.can_pass = can_pass


class ItemFault(GirihError):
    """One item that cannot be read; the others go on."""

    code = "item_fault"


class ItemGone(ItemFault):
    """The source says that there is no such item any more."""

    code = "item_gone"


class ItemSame(Exception):
    """The source says that the item is as its mark has it: no byte was sent."""


@dataclass(frozen=True)
class Item:
    """One thing of a source. `ref` names it there for good, `name` is what its document is called.

    Equal `mark`s mean equal content; without one the bytes decide. `body` holds them where listing gave them already.
    """

    ref: str
    name: str
    mark: str | None = None
    size: int | None = None
    media_type: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Content:
    """An item's bytes as they come. What is known only now replaces what the listing said, where it is not `None`."""

    pieces: AsyncIterator[bytes]
    mark: str | None = None
    name: str | None = None
    media_type: str | None = None
    metadata: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A part of the listing. `place` is what `Loader.pages` goes on after, if it can.

    `state` is what the loader wants to remember of this listing once all of it went through. `total` is how many items
    it has in all, where that is known before its end.
    """

    items: tuple[Item, ...]
    place: str | None = None
    state: Mapping[str, str] = field(default_factory=dict)
    total: int | None = None


class Loader(Protocol):
    """A source that is open."""

    @property
    def is_whole(self) -> bool:
        """Whether a listing names all there is; if not, what it does not name may be there all the same."""
        ...

    def pages(self, after: str | None) -> AsyncIterator[Page]:
        """All items, in pages, from after a place of this listing. Raises `SourceFault`.

        A loader that cannot go on in the middle begins anew: items may come twice.
        """
        ...

    def fetch(self, item: Item, known: str | None) -> AbstractAsyncContextManager[Content]:
        """The bytes of an item; `known` is the mark of what was taken last.

        Raises `ItemSame`, `ItemGone`, `ItemFault`, and `SourceFault` where no other item could be read either.
        """
        ...


class Unchanged(Exception):
    """Raised instead of a first page: nothing of the source has changed since the remembered state."""
