"""Following documents on their way in: each change with a number to go on after, as soon as it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import structlog

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import NewEvent, RunEvent
from girih.errors import Unavailable
from girih.language.spec.tree import JsonObject
from girih.services.knowledge import finding, job_repository, repository
from girih.services.knowledge.job_repository import Listed
from girih.services.knowledge.progress import eta_seconds
from girih.services.knowledge.readers import may_read, require_readable, shown_to

log = structlog.get_logger("girih.knowledge")

CHANNEL = "girih_ingestion"
"""On which the database says, with each commit, which documents and indexes have news."""
PAGE = 200
LOOK = 5.0
"""Seconds after which who follows looks by itself: what the channel says may be lost."""
_RETRY = 1.0
_ENDED = ("ready", "failed")
_OVERLAP = 500


class Channel(Protocol):
    """What the database says to all; see `girih.db.listening`."""

    async def listen(self, heard: Callable[[str], None], ready: Callable[[], None]) -> None:
        """Call `heard` with each text until the connection ends."""
        ...


class News:
    """Wakes those who wait for something to change. It listens from the first of them on."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._waiting: dict[UUID, set[Callable[[], None]]] = {}
        self._listening: asyncio.Task[None] | None = None

    def join(self, about: UUID, wake: Callable[[], None]) -> None:
        """Call `wake` whenever there is news about a document or an index, until `leave`."""
        self._waiting.setdefault(about, set()).add(wake)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="news of ingestions")

    def leave(self, about: UUID, wake: Callable[[], None]) -> None:
        """Need no more."""
        waiting = self._waiting.get(about, set())
        waiting.discard(wake)
        if not waiting:
            self._waiting.pop(about, None)

    async def close(self) -> None:
        """Listen no longer."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        while True:
            try:
                await self._channel.listen(self._heard, self._wake_all)
            except Unavailable as fault:
                log.info("news of ingestions come late", reason=fault.message)
            await asyncio.sleep(_RETRY)

    def _heard(self, said: str) -> None:
        for word in said.split():
            with suppress(ValueError):
                for wake in tuple(self._waiting.get(UUID(word), ())):
                    wake()

    def _wake_all(self) -> None:
        for waiting in tuple(self._waiting.values()):
            for wake in tuple(waiting):
                wake()


class Tail:
    """A place in the changes of one document, or of all of a collection; see `girih.api.sse.Source`."""

    def __init__(self, uow: UnitOfWork, news: News, scope: OrgScope, after: int) -> None:
        self._uow = uow
        self._news = news
        self._scope = scope
        self._after = after
        self._about: UUID | None = None
        self._has_news = False
        self._wake: Callable[[], None] | None = None
        self._look: asyncio.TimerHandle | None = None
        self.ended = False
        """Whether nothing more will come."""

    async def take(self) -> Sequence[RunEvent]:
        """What has come since."""
        if self.ended:
            return ()
        self._has_news = False
        return await self._read()

    def wait(self, wake: Callable[[], None]) -> bool:
        """Call `wake` once there may be more; False where nothing more will come."""
        if self.ended:
            return False
        self._wake = wake
        later = asyncio.get_running_loop().call_later(0.0 if self._has_news else LOOK, self._rang)
        self._look, former = later, self._look
        if former is not None:
            former.cancel()
        return True

    def close(self) -> None:
        """Need no more."""
        self.ended, self._wake = True, None
        if self._look is not None:
            self._look.cancel()
        if self._about is not None:
            self._news.leave(self._about, self._rang)

    def _follow(self, about: UUID) -> None:
        """Hear of it from now on; what is read afterwards misses nothing."""
        if self._about is None:
            self._about = about
            self._news.join(about, self._rang)

    def _rang(self) -> None:
        self._has_news = True
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    async def _read(self) -> Sequence[RunEvent]:
        raise NotImplementedError


class DocumentTail(Tail):
    """The changes of one document up to the one that ends its ingestion."""

    def __init__(
        self,
        uow: UnitOfWork,
        news: News,
        scope: OrgScope,
        document_id: UUID,
        after: int,
        principals: Collection[str] = (),
    ) -> None:
        super().__init__(uow, news, scope, after)
        self._principals = principals
        self._id = document_id
        self._name = ""

    async def open(self) -> DocumentTail:
        """Look whether there is such a document. Raises `NotFound`, and `Forbidden` where it is for others."""
        async with self._uow(self._scope) as work:
            document = await finding.document(work, self._scope, self._id)
            require_readable(document, self._scope, self._principals)
            self._name = document.name
        self._follow(self._id)
        return self

    async def _read(self) -> Sequence[RunEvent]:
        async with self._uow(self._scope) as work:
            found = await job_repository.changed_of_document(work, self._scope, self._id)
            gone = found is None and await repository.document(work, self._scope, self._id) is None
        if gone:
            self.ended = True
            return (_end(self._id, self._name, self._after + 1),)
        if found is None:
            return ()
        if not may_read(found.document, self._scope, self._principals):  # its readers are others by now
            self.ended = True
            return ()
        self.ended = found.document.status in _ENDED
        if found.job.revision <= self._after:
            return ()
        self._after = found.job.revision
        return (_change(found),)


class CollectionTail(Tail):
    """The changes of all documents of a collection, without end."""

    def __init__(
        self,
        uow: UnitOfWork,
        news: News,
        scope: OrgScope,
        collection: str,
        after: int,
        principals: Collection[str] = (),
    ) -> None:
        super().__init__(uow, news, scope, after)
        self._principals = shown_to(scope, principals)
        self._collection = collection
        self._id: UUID | None = None
        self._floor = after
        self._said: dict[UUID, int] = {}

    async def open(self) -> CollectionTail:
        """Look whether there is such a collection. Raises `NotFound`."""
        async with self._uow(self._scope) as work:
            found = await finding.collection(work, self._scope, self._collection)
            self._id = found.id
        self._follow(found.index_id)
        return self

    async def _read(self) -> Sequence[RunEvent]:
        if self._id is None:
            return ()
        # Numbers are given before a commit, and commits come in another order: so a few are looked at twice.
        after = max(self._floor, self._after - _OVERLAP)
        while True:
            async with self._uow(self._scope) as work:
                wanted = self._id, after, PAGE, self._principals
                changes = await job_repository.changed_in(work, self._scope, *wanted)
                ends = await job_repository.ends_in(work, self._scope, *wanted)
            events = [*(_change(each) for each in changes), *(_end(e.document_id, e.name, e.revision) for e in ends)]
            events = sorted(events, key=lambda event: event.seq)[:PAGE]
            fresh = [event for event in events if self._said.get(UUID(event.run_id), 0) < event.seq]
            if fresh or len(events) < PAGE:
                break
            after = events[-1].seq
        self._note(fresh)
        return fresh

    def _note(self, events: Sequence[RunEvent]) -> None:
        for event in events:
            self._said[UUID(event.run_id)] = event.seq
            self._after = max(self._after, event.seq)
        if len(self._said) > 4 * _OVERLAP:
            self._said = {key: seq for key, seq in self._said.items() if seq > self._after - _OVERLAP}


def _change(found: Listed) -> RunEvent:
    """What a stream says of a document whose job changed. Its number is of all changes, not of this document's."""
    job, document = found.job, found.document
    data: JsonObject = {
        "id": str(document.id),
        "name": document.name,
        "collection": found.collection,
        "status": document.status,
        "stage": job.stage,
        "done": job.done,
        "total": job.total,
        "reused": job.reused,
        "attempts": job.attempts,
        "eta_seconds": eta_seconds(job, found.now),
        "reason": document.reason,
    }
    return RunEvent(
        str(document.id), job.revision, job.attempts, NewEvent(f"document.{document.status}", data, job.updated_at)
    )


def _end(id: UUID, name: str, revision: int) -> RunEvent:
    data: JsonObject = {"id": str(id), "name": name, "status": "deleted"}
    return RunEvent(str(id), revision, 0, NewEvent("document.deleted", data, datetime.now(UTC)))
