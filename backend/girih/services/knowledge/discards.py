"""Files in storage that nothing needs any more: noted with what gave them up, removed after, by whoever is left."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import delete, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.providers.storage.base import Storage
from girih.services.knowledge import artefacts
from girih.services.knowledge.tables import DiscardedFile, Document, DocumentVersion

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_AT_ONCE = 200
_NO_PROJECT = UUID(int=0)
"""Files belong to an organization, and are removed for it."""


async def lock(work: Work, key: str) -> None:
    """Hold what is done about this file to the end of the transaction: uploads and removals take turns."""
    await work.session.execute(_LOCK, {"key": key})


async def discard(work: Work, keys: Iterable[str]) -> list[str]:
    """Note that these files are given up; keys that end with a slash are all files below. Gives the keys."""
    noted = sorted(set(keys))
    if noted:
        rows = [{"org_id": work.speaks_for.org_id, "key": key} for key in noted]
        await work.session.execute(insert(DiscardedFile).values(rows).on_conflict_do_nothing())
    return noted


class Collector:
    """Removes discarded files from storage. What one process leaves behind, the next sweep of any finds."""

    def __init__(self, uow: UnitOfWork, storage: Storage) -> None:
        self._uow = uow
        self._storage = storage

    async def collect(self, scope: OrgScope, keys: Iterable[str]) -> None:
        """Remove these files, but those that something needs again. Raises `Unavailable`."""
        for key in keys:
            async with self._uow(scope) as work:
                await lock(work, key)
                # Under the lock, and so inside of the transaction: nobody may count on a file that is about to go.
                if not (key.startswith("blobs/") and await _in_use(work, key)):
                    await (self._storage.delete_all(key) if key.endswith("/") else self._storage.delete(key))
                    if key.startswith("blobs/"):
                        await self._storage.delete_all(artefacts.prefix_of_blob(key))
                noted = delete(DiscardedFile).where(DiscardedFile.org_id == scope.org_id, DiscardedFile.key == key)
                await work.session.execute(noted)

    async def sweep(self) -> int:
        """Remove what was given up and not removed, of all organizations; gives how many it saw to."""
        async with self._uow.reading_for("reconcile") as work:
            query = select(DiscardedFile.org_id, DiscardedFile.key).order_by(DiscardedFile.created_at).limit(_AT_ONCE)
            found = (await work.session.execute(query)).all()
        for org_id, key in found:
            await self.collect(OrgScope(org_id, _NO_PROJECT), [key])
        return len(found)


async def _in_use(work: Work, key: str) -> bool:
    """Whether any document of the organization has these bytes, or had them in a version that is kept."""
    sha256, org_id = key.rsplit("/", 1)[-1], work.speaks_for.org_id
    kept = select(DocumentVersion.id).where(DocumentVersion.org_id == org_id, DocumentVersion.sha256 == sha256)
    newest = select(Document.id).where(Document.org_id == org_id, Document.sha256 == sha256)
    return bool(await work.session.scalar(select(or_(kept.exists(), newest.exists()))))
