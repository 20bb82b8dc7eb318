"""The database behind the port of vector stores, so that it answers for the same things as the others."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from tests.services.knowledge.shelf import Shelf, passage

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.providers.stores.base import Near, Point, require_length
from girih.services.knowledge import index as passages_of
from girih.services.knowledge.where import EVERYTHING, Where


class Database:
    """Each index in a collection of its own, each point as a document of one passage."""

    def __init__(self, uow: UnitOfWork, scope: OrgScope) -> None:
        self._uow = uow
        self._scope = scope
        self._shelves: dict[UUID, Shelf] = {}
        self._documents: dict[UUID, UUID] = {}

    async def prepare(self, index: UUID, dims: int) -> None:
        if index not in self._shelves:
            self._shelves[index] = await Shelf(self._uow, self._scope, dims, index_id=index).make()
        require_length("index", self._shelves[index].dims, dims)

    async def put(self, index: UUID, points: Sequence[Point]) -> None:
        for one in points:
            document = await self._shelves[index].put(str(one.id), [passage(f"about {one.id}")], [one.vector])
            self._documents[document] = one.id

    async def search(
        self, index: UUID, vector: Sequence[float], depth: int, among: Sequence[UUID] | None = None
    ) -> Near:
        if index not in self._shelves:
            return []
        wanted = [document for document, one in self._documents.items() if one in (among or ())]
        where = EVERYTHING if among is None else Where("d.id = ANY(:where_ids)", {"where_ids": wanted})
        leg = await self._shelves[index].near(vector, depth, where)
        return [(self._documents[document], score) for (document, _), (_, score) in leg.items()]

    async def remove(self, index: UUID, ids: Sequence[UUID]) -> None:
        for one in ids:
            if index in self._shelves and one in self._documents.values():
                await self._shelves[index].clear(str(one))

    async def drop(self, index: UUID) -> None:
        if index in self._shelves:
            shelf = self._shelves.pop(index)
            async with self._uow(self._scope) as work:
                assert await passages_of.drop(work, await shelf.index(work, lock=True))
                gone = "DELETE FROM search_indexes WHERE org_id = :org_id AND id = :id"
                await work.session.execute(text(gone), {"org_id": self._scope.org_id, "id": index})

    async def count(self, index: UUID) -> int:
        return (await self._shelves[index].counts())[0] if index in self._shelves else 0

    async def aclose(self) -> None:
        """Nothing is open."""
