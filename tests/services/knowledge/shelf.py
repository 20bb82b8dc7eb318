"""A collection with an index, and documents in it, made without uploads and embedders: what lies below those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.services.knowledge import index as passages_of
from girih.services.knowledge import repository
from girih.services.knowledge.chunking import Passage
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.legs import Leg
from girih.services.knowledge.meaning import by_meaning
from girih.services.knowledge.shelving import Shelving
from girih.services.knowledge.tables import Collection, SearchIndex
from girih.services.knowledge.where import EVERYTHING, Where
from girih.services.knowledge.wording import by_words

TABLES = ("chunks", "chunk_vectors", "chunk_words", "chunk_postings")


def passage(body: str, start: int = 0) -> Passage:
    """A passage of that text."""
    return Passage(text=body, heading=(), page=None, start=start, end=start + len(body))


@dataclass
class Shelf:
    """One index of one collection, and what may be done with it."""

    uow: UnitOfWork
    scope: OrgScope
    dims: int
    config: IndexConfig = field(default_factory=IndexConfig)
    collection_id: UUID = field(default_factory=new_id)
    index_id: UUID = field(default_factory=new_id)

    async def make(self) -> Shelf:
        """Make the collection and its index."""
        whose = {"org_id": self.scope.org_id, "project_id": self.scope.project_id}
        async with self.uow(self.scope) as work:
            work.session.add(
                Collection(
                    **whose,
                    id=self.collection_id,
                    name=f"c-{self.collection_id}",
                    description="",
                    digest="",
                    index_id=self.index_id,
                )
            )
            await work.session.flush()
            work.session.add(
                SearchIndex(
                    **whose,
                    id=self.index_id,
                    collection_id=self.collection_id,
                    number=1,
                    status="active",
                    config=self.config.as_json,
                    embedder_dims=self.dims,
                )
            )
        return self

    async def index(self, work: Work, *, lock: bool = False) -> SearchIndex:
        """The index as it is."""
        found = await repository.index_by_id(work, self.scope, self.index_id, lock=lock)
        assert found is not None
        return found

    async def put(self, name: str, passages: Sequence[Passage], vectors: Sequence[Sequence[float]]) -> UUID:
        """Make these the document's passages."""
        async with self.uow(self.scope) as work:
            held = await self.index(work, lock=True)
            document, _ = await repository.put_document(work, self.scope, self.collection_id, name)
            await passages_of.swap(work, held, document, passages, vectors)
            return document.id

    async def clear(self, name: str) -> None:
        """Take the document's passages out, and the document with them."""
        async with self.uow(self.scope) as work:
            held = await self.index(work, lock=True)
            document, _ = await repository.put_document(work, self.scope, self.collection_id, name)
            await passages_of.clear(work, held, document)
            await work.session.delete(document)

    async def shelve(self) -> bool:
        """Give the index a shelf of its own."""
        return await Shelving(self.uow).shelve(self.scope, self.index_id)

    async def near(self, vector: Sequence[float], depth: int, where: Where = EVERYTHING) -> Leg:
        """The nearest passages."""
        async with self.uow(self.scope) as work:
            return await by_meaning(work, await self.index(work), list(vector), depth, where)

    async def say(self, query: str, depth: int, where: Where = EVERYTHING) -> Leg:
        """The passages that say it."""
        async with self.uow(self.scope) as work:
            return await by_words(work, await self.index(work), query, depth, where)

    async def counts(self) -> tuple[int, int]:
        """Passages and words, as the index says."""
        async with self.uow(self.scope) as work:
            held = await self.index(work)
            return held.passages, held.words

    async def rows(self) -> dict[str, int]:
        """How many rows the organization has in each table."""
        async with self.uow(self.scope) as work:
            return {
                table: int(await work.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in TABLES
            }
