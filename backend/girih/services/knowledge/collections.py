"""Collections as people see them: listed, shown, deleted. They are made by publishing (see `publishing`)."""

from __future__ import annotations

from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import BadCursor
from girih.providers.parsers.document import clean
from girih.providers.storage.base import Storage
from girih.services.knowledge import collection_repository, document_repository, finding
from girih.services.knowledge.discards import Collector
from girih.services.knowledge.removing import Removing
from girih.services.knowledge.schemas import CollectionDetail, CollectionOut
from girih.services.knowledge.tables import Collection, SearchIndex

_STEPS = 20
"""Steps that whoever deletes a collection waits for; what is left then goes in the background."""


class CollectionService:
    """What can be done with collections that are there."""

    def __init__(self, uow: UnitOfWork, storage: Storage, removing: Removing | None = None) -> None:
        self._uow = uow
        self._removing = removing or Removing(uow)
        self._collector = Collector(uow, storage)

    async def collections(
        self, scope: OrgScope, *, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[CollectionOut], str | None]:
        """The project's collections by name, and the cursor of the next page. Raises `BadCursor`."""
        if cursor is not None and clean(cursor) != cursor:
            raise BadCursor("this is no cursor of this list", help="send the `next` of the page before")
        async with self._uow(scope) as work:
            rows = await collection_repository.page(work, scope, after=cursor, limit=limit + 1)
        items = [CollectionOut.model_validate(_facts(*row)) for row in rows[:limit]]
        return items, items[-1].name if len(rows) > limit else None

    async def collection(self, scope: OrgScope, name: str) -> CollectionDetail:
        """One collection, and how its documents are. Raises `NotFound`."""
        async with self._uow(scope) as work:
            row = await finding.collection(work, scope, name)
            found = await collection_repository.described(work, row)
            by_status = await document_repository.by_status(work, row.id)
        return CollectionDetail.model_validate(_facts(*found) | {"by_status": by_status})

    async def delete(self, scope: OrgScope, name: str) -> None:
        """Delete a collection with its documents, their passages, versions and files. Raises `NotFound`.

        It is not there from now on. What a large one holds goes in steps, here and in `sweep`, whoever is stopped.
        """
        await self._remove(scope, await self._removing.begin(scope, name))

    async def sweep(self) -> int:
        """Go on with what others began: collections on their way out, files that were given up.

        Gives how many were seen to.
        """
        found = await self._removing.begun()
        for scope, collection_id in found:
            await self._remove(scope, collection_id)
        return len(found) + await self._collector.sweep()

    async def _remove(self, scope: OrgScope, id: UUID) -> None:
        for _ in range(_STEPS):
            files = await self._removing.step(scope, id)
            if files is None:
                return
            await self._collector.collect(scope, files)


def _facts(row: Collection, active: SearchIndex, documents: int) -> dict[str, object]:
    made_by = active.made_by
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "embedder": made_by.embedder,
        "embedder_name": active.embedder_name,
        "embedder_model": active.embedder_model,
        "chunk_strategy": made_by.chunk.strategy,
        "chunk_size": made_by.chunk.size,
        "chunk_overlap": made_by.chunk.overlap,
        "chunk_context": made_by.chunk.context,
        "documents": documents,
        "chunks": active.passages,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }
