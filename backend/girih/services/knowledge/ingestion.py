"""The life of an ingestion: claimed, worked on under a lease, ended; in the same state however often it runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, DocumentRejected, LeaseLost, Unavailable
from girih.jobs import EMBED, INGEST
from girih.providers.embeddings.ladder import Embedders
from girih.providers.storage.base import Storage
from girih.services.knowledge import leases, picking, repository, stages
from girih.services.knowledge.artefacts import Artefacts, Cut
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.embedding_cache import EmbeddingCache
from girih.services.knowledge.enriching import Enriching
from girih.services.knowledge.identities import embedder_of
from girih.services.knowledge.lanes import Lane
from girih.services.knowledge.leases import Held
from girih.services.knowledge.outside import Outside
from girih.services.knowledge.stages import Subject
from girih.services.knowledge.tables import SearchIndex

_log = logging.getLogger(__name__)

_DELAY = timedelta(seconds=5)
"""How long a job rests after its first attempt; four times as long after each further one."""
_CANDIDATES = 8
_NOTE_SECONDS = 0.5
_ABANDONED = 50


class Indexes(Protocol):
    """What is told of jobs that have ended."""

    async def settle(self, scope: OrgScope, index_id: UUID) -> None:
        """Switch to an index whose last document has come to an end."""
        ...

    async def settle_all(self) -> None:
        """See to every index that is being built or removed."""
        ...


class Ingestion:
    """Runs jobs. `lease` is how long a silent holder keeps its job, `attempts` how often a stage is tried."""

    def __init__(
        self,
        uow: UnitOfWork,
        blobs: Blobs,
        storage: Storage,
        embedders: Embedders,
        *,
        indexes: Indexes,
        outside: Outside,
        enriching: Enriching | None = None,
        lease: timedelta = timedelta(seconds=30),
        attempts: int = 3,
    ) -> None:
        self._uow = uow
        self._indexes = indexes
        self._outside = outside
        self._enriching = enriching
        self._blobs = blobs
        self._storage = storage
        self._embedders = embedders
        self._cache = EmbeddingCache(uow)
        self._lease = lease
        self._attempts = attempts

    async def run(self, job_id: UUID) -> None:
        """Run the job through all of its stages, as far as it is free. Never raises for what is wrong with a document.

        Raises `ValueError` for what is no id.
        """
        async with self._uow.reading_for("ingest", job_id) as work:
            scope = await leases.scope_of(work, job_id)
        while scope is not None:
            held = await self.take(scope, job_id)
            if held is None:
                return
            await self.work(held)

    async def next(self, lane: Lane, without: Collection[UUID] = ()) -> Held | None:
        """Take the job whose turn it is in the lane; `None` while there is none but those of organizations `without`.

        Organizations take turns, however many documents one of them brought (see `picking`).
        """
        async with self._uow.reading_for("reconcile") as work:
            candidates = await picking.waiting(work, lane, _CANDIDATES, without)
        for each in candidates:
            held = await self.take(each.scope, each.id)
            if held is not None:
                return held
        return None

    async def take(self, scope: OrgScope, job_id: UUID) -> Held | None:
        """Take this job, if it is free."""
        async with self._uow(scope) as work:
            return await leases.claim(work, scope, job_id, self._lease, self._attempts)

    async def put_back(self, held: Held) -> None:
        """Leave a job that was taken to whoever takes it next; that does not count as an attempt."""
        await self._end(held, leases.hand_on)

    async def recover(self) -> int:
        """Put back what was held by processes that died; returns how many jobs that were.

        Sees to indexes, too, and to what is remembered of texts that were embedded: a little at each look.
        """
        async with self._uow.reading_for("reconcile") as work:
            candidates = await picking.abandoned(work, _ABANDONED)
        recovered = 0
        for each in candidates:
            async with self._uow(each.scope) as work:
                recovered += await leases.give_back(work, each.scope, each.id, self._attempts)
        await self._indexes.settle_all()
        await self._cache.trim()
        return recovered

    async def work(self, held: Held) -> None:
        """Do the stages of the job's lane. Never raises for what is wrong with the document."""
        noted = _Noted()
        try:
            await self._while_held(held, noted)
        except asyncio.CancelledError:
            await self.put_back(held)
            raise
        except LeaseLost as fault:
            _log.info("job %s: %s", held.id, fault.message)
        except (DocumentRejected, Conflict) as fault:
            await self._fail(held, fault.message if fault.help is None else f"{fault.message} – {fault.help}")
        except Unavailable as fault:
            await self._again(held, fault.message, noted)
        except Exception:  # noqa: BLE001 - whatever it is: it is logged, tried again, and bounded by the attempts
            _log.exception("job %s failed", held.id)
            await self._again(held, "an internal error, which the server's log describes", noted)
        await self._settled(held)

    async def _settled(self, held: Held) -> None:
        """Let the index be switched to if this was the last document that it waited for."""
        try:
            await self._indexes.settle(held.scope, held.index_id)
        except Exception:  # noqa: BLE001 - the document is in; the worker looks after the index every few seconds
            _log.warning("index %s could not be looked at", held.index_id, exc_info=True)

    async def _while_held(self, held: Held, noted: _Noted) -> None:
        """Work and beat at once. A lease that is lost ends the work; work that has ended its job ends the beating."""
        work = asyncio.create_task(self._stages(held, noted))
        beat = asyncio.create_task(self._beat(held))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
            lost = beat.exception() if beat.done() else None
            if lost is None:
                await asyncio.wait({work})
        finally:
            for task in (work, beat):
                task.cancel()
            await asyncio.gather(work, beat, return_exceptions=True)
        await (beat if lost else work)

    async def _beat(self, held: Held) -> None:
        held_still = True
        while held_still:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            async with self._uow(held.scope) as work:
                held_still = await leases.beat(work, held, self._lease)

    async def _stages(self, held: Held, noted: _Noted) -> None:
        subject, source = await self._subject(held)
        if held.lane == "parse":
            await self._parse(subject)
        else:
            await self._embed(subject, source, noted)

    async def _parse(self, subject: Subject) -> None:
        parsed = await stages.parse(subject, self._blobs)
        async with self._uow(subject.held.scope) as work:
            held = await leases.advance(work, subject.held, "chunk")
        made = await stages.chunk(subject, parsed)
        async with self._uow(held.scope) as work:
            await leases.hand_over(work, held, "embed", len(made.passages))
            work.after_commit(EMBED, held.id)

    async def _embed(self, subject: Subject, source: SearchIndex, noted: _Noted) -> None:
        held = subject.held
        made = await stages.chunked(subject)
        if made is None:  # what was kept is gone: it can be made again
            async with self._uow(held.scope) as work:
                await leases.hand_over(work, held, "parse")
                work.after_commit(INGEST, held.id)
            return

        async def note(done: int, total: int, reused: int) -> None:
            noted.progressed |= done > reused
            if not noted.is_due():
                return
            async with self._uow(held.scope) as work:
                await leases.progress(work, held, done, total, reused)

        made = await self._enriched(subject, source, made)
        embedder = await embedder_of(source, self._embedders)
        vectors = await stages.embed(subject, source, embedder, self._cache, made.texts, note)
        if held.stage == "embed":
            async with self._uow(held.scope) as work:
                await leases.advance(work, held, "store", len(made.passages))
        await stages.store(subject, self._uow, self._outside, embedder, made, vectors)

    async def _enriched(self, subject: Subject, source: SearchIndex, made: Cut) -> Cut:
        step = subject.made_by.enrich
        if step is None:
            return made
        if self._enriching is None:
            raise Unavailable("this worker has no models to ask", help="see to its settings")
        return await self._enriching.enriched(subject.held.scope, source.pipeline or "", step, made, subject.stored)

    async def _subject(self, held: Held) -> tuple[Subject, SearchIndex]:
        async with self._uow(held.scope) as work:
            document = await repository.document(work, held.scope, held.document_id)
            if document is None:
                raise LeaseLost("the document was deleted")
            found = await repository.index_by_id(work, held.scope, held.index_id)
        if found is None:
            raise LeaseLost("the collection was deleted")
        stored = Artefacts(self._storage, held.scope.org_id, document.sha256)
        return Subject(held, document.name, document.sha256, document.size, found.made_by, stored), found

    async def _fail(self, held: Held, reason: str) -> None:
        await self._end(held, lambda work, job: leases.fail(work, job, reason))

    async def _again(self, held: Held, reason: str, noted: _Noted) -> None:
        """Give the job back, or give up when this was its last attempt."""
        if held.attempts >= self._attempts and not noted.progressed:
            await self._fail(held, f"gave up after {self._attempts} attempts; the last one: {reason}")
            return
        delay = _DELAY * 4 ** (held.attempts - 1)
        await self._end(
            held, lambda work, job: leases.release(work, job, reason, delay, has_progressed=noted.progressed)
        )

    async def _end(self, held: Held, ending: Callable[[Work, Held], Awaitable[None]]) -> None:
        try:
            async with self._uow(held.scope) as work:
                await ending(work, held)
        except LeaseLost as fault:
            _log.info("job %s: %s", held.id, fault.message)


class _Noted:
    """What an attempt came to, for the next one."""

    progressed = False
    """Whether something was embedded: then what failed is not the document."""
    _told = 0.0

    def is_due(self) -> bool:
        """Whether it is time to write down how far the work is."""
        now = time.monotonic()
        if now - self._told < _NOTE_SECONDS:
            return False
        self._told = now
        return True
