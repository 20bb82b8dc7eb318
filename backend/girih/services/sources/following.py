"""Following a sync: each change of its counts with a number to go on after, as soon as it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import NewEvent, RunEvent
from girih.errors import NotFound
from girih.services.knowledge.following import News, Tail
from girih.services.sources import sync_repository
from girih.services.sources.schemas import SyncOut


class SyncTail(Tail):
    """The changes of one sync up to the one that ends it. Those that come faster than they are read become one."""

    def __init__(self, uow: UnitOfWork, news: News, scope: OrgScope, store_id: UUID, sync_id: UUID, after: int) -> None:
        super().__init__(uow, news, scope, after)
        self._store_id = store_id
        self._id = sync_id

    async def open(self) -> SyncTail:
        """Look whether there is such a sync. Raises `NotFound`."""
        if await self._now() is None:
            raise NotFound("there is no such sync")
        self._follow(self._id)
        return self

    async def _read(self) -> Sequence[RunEvent]:
        found = await self._now()
        if found is None:  # it went with its data store
            self.ended = True
            return ()
        out, revision = found
        self.ended = out.status not in sync_repository.OPEN
        if revision <= self._after:
            return ()
        self._after = revision
        said = NewEvent(f"sync.{out.status}", out.model_dump(mode="json"), out.updated_at)
        return (RunEvent(str(self._id), revision, out.attempts, said),)

    async def _now(self) -> tuple[SyncOut, int] | None:
        async with self._uow(self._scope) as work:
            row = await sync_repository.sync(work, self._scope, self._store_id, self._id)
            return None if row is None else (sync_repository.out(row), row.revision)
