"""A loader whose failures tell nothing of its source's secrets, whatever the source answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from girih.providers.loaders.base import Content, Item, ItemFault, Loader, Page, SourceFault
from girih.providers.veil import Veil


class Veiled:
    """The same loader, its failures rewritten. What it reads are documents, and stay as they are."""

    def __init__(self, loader: Loader, veil: Veil) -> None:
        self._loader = loader
        self._veil = veil

    @property
    def is_whole(self) -> bool:
        """See `Loader`."""
        return self._loader.is_whole

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """See `Loader`."""
        with self._rewritten():
            async for page in self._loader.pages(after):
                yield page

    @asynccontextmanager
    async def fetch(self, item: Item, known: str | None) -> AsyncIterator[Content]:
        """See `Loader`."""
        with self._rewritten():
            async with self._loader.fetch(item, known) as content:
                yield content

    @contextmanager
    def _rewritten(self) -> Iterator[None]:
        try:
            yield
        except (SourceFault, ItemFault) as fault:
            fault.message = self._veil.over(fault.message)
            fault.help = self._veil.over(fault.help) if fault.help else None
            fault.args = (fault.message,)
            raise
