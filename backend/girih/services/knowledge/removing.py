"""Collections on their way out: unseen after one short transaction, then removed in steps that anybody goes on with."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.services.knowledge import collection_repository, discards, finding, index, index_rows
from girih.services.knowledge.blobs import key_of
from girih.services.knowledge.tables import Collection

PASSAGES = 2_000
"""Passages that go in one transaction."""
ROWS = 200
"""Documents that go in one transaction, with their versions and jobs, and rows of other kinds."""
_LOOKED_AT = 50

# What data stores know of their sources, and what their syncs did: it would go with the collection, but all at once.
_OF_DATA_STORES = (
    text("""
DELETE FROM sync_changes WHERE ctid IN (
  SELECT c.ctid FROM sync_changes c JOIN syncs s ON s.org_id = c.org_id AND s.id = c.sync_id
  JOIN data_stores d ON d.org_id = s.org_id AND d.id = s.store_id
  WHERE d.org_id = :org_id AND d.collection_id = :collection_id LIMIT :at_most)
RETURNING 1
"""),
    text("""
DELETE FROM source_items WHERE ctid IN (
  SELECT i.ctid FROM source_items i JOIN data_stores d ON d.org_id = i.org_id AND d.id = i.store_id
  WHERE d.org_id = :org_id AND d.collection_id = :collection_id LIMIT :at_most)
RETURNING 1
"""),
)


class Removing:
    """Removes collections. `passages` and `rows` bound what one transaction deletes."""

    def __init__(self, uow: UnitOfWork, *, passages: int = PASSAGES, rows: int = ROWS) -> None:
        self._uow = uow
        self._passages = passages
        self._rows = rows

    async def begin(self, scope: OrgScope, name: str) -> UUID:
        """Let the collection be unseen, with all it holds; another one may have its name at once. Raises `NotFound`."""
        async with self._uow(scope) as work:
            return await begin(work, name)

    async def step(self, scope: OrgScope, id: UUID) -> list[str] | None:
        """Remove a little of a collection: passages, then documents, then the rest.

        Gives the files that were given up, or `None` once nothing of it is left.
        """
        async with self._uow(scope) as work:
            row = await index_rows.held_collection(work, scope, id)
            if row is None:
                return None
            # Indexes before documents: see `Ingestion`.
            for one in await index_rows.indexes(work, row, lock=True):
                if not await index.drop(work, one, at_most=self._passages):
                    return []
            files = await self._documents(work, row)
            return await self._rest(work, row) if files is None else files

    async def begun(self) -> list[tuple[OrgScope, UUID]]:
        """Collections of all organizations that are on their way out, those that began first before others."""
        async with self._uow.reading_for("reconcile") as work:
            query = select(Collection.org_id, Collection.project_id, Collection.id)
            query = query.where(Collection.deleted_at.is_not(None)).order_by(Collection.deleted_at).limit(_LOOKED_AT)
            return [(OrgScope(row[0], row[1], actor="worker"), row[2]) for row in await work.session.execute(query)]

    async def _documents(self, work: Work, row: Collection) -> list[str] | None:
        """Delete some documents; gives their files, or `None` where there is no document."""
        held = await collection_repository.contents(work, row, self._rows)
        if not held:
            return None
        keys = await discards.discard(work, {key_of(row.org_id, sha256) for _, sha256 in held if sha256})
        await collection_repository.remove_documents(work, row, {document_id for document_id, _ in held})
        return keys

    async def _rest(self, work: Work, row: Collection) -> list[str]:
        values = {"org_id": row.org_id, "collection_id": row.id, "at_most": self._rows}
        for statement in _OF_DATA_STORES:
            if (await work.session.execute(statement, values)).all():
                return []
        # An upload may have begun before the collection was unseen, and its document would go without its file.
        if not await collection_repository.is_empty(work, row):
            return []
        gone = await discards.discard(work, [pieces_of(row)])
        await collection_repository.remove(work, row)
        return gone


async def begin(work: Work, name: str) -> UUID:
    """See `Removing.begin`; inside a transaction of the caller."""
    row = await finding.collection(work, work.speaks_for, name, lock=True)
    row.name, row.deleted_at = f"{row.name} {row.id}", func.now()
    # Before its indexes are held: uploads hold the collection's name, and then ask for these.
    await work.session.flush()
    for one in await index_rows.indexes(work, row, lock=True):
        one.status = "removing"
    return row.id


def pieces_of(collection: Collection) -> str:
    """Where the pieces of uploads into the collection lie, all of them."""
    return f"uploads/{collection.org_id}/{collection.id}/"
