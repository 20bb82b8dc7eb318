"""The life of an ingestion: claimed, worked on under a lease, ended; in the same state however often it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, DocumentRejected, LeaseLost, Unavailable
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge import leases, repository, stages
from girih.services.knowledge.artefacts import Artefacts
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.identities import embedder_of
from girih.services.knowledge.leases import Held
from girih.services.knowledge.schemas import Stage
from girih.services.knowledge.stages import Subject
from girih.services.knowledge.tables import SearchIndex

_log = logging.getLogger(__name__)

_DELAY = timedelta(seconds=2)


class Ingestion:
    """Runs jobs. `lease` is how long a silent holder keeps its job, `attempts` how often a job is tried."""

    def __init__(
        self,
        uow: UnitOfWork,
        blobs: Blobs,
        embedders: Embedders,
        artefacts: Path,
        *,
        lease: timedelta = timedelta(seconds=30),
        attempts: int = 3,
    ) -> None:
        self._uow = uow
        self._blobs = blobs
        self._embedders = embedders
        self._artefacts = artefacts
        self._lease = lease
        self._attempts = attempts

    async def run(self, job_id: UUID) -> None:
        """Run the job to its end, if it is free to be taken. Never raises for what is wrong with the document."""
        held = await self._claim(job_id)
        if held is None:
            return
        try:
            await self._while_held(held)
        except asyncio.CancelledError:
            await self._end(held, leases.hand_on)
            raise
        except LeaseLost as fault:
            _log.info("job %s: %s", job_id, fault.message)
        except (DocumentRejected, Conflict) as fault:
            await self._fail(held, fault.message if fault.help is None else f"{fault.message} – {fault.help}")
        except Unavailable as fault:
            await self._again(held, fault.message)
        except Exception:  # noqa: BLE001 - whatever it is: it is logged, tried again, and bounded by the attempts
            _log.exception("job %s failed", job_id)
            await self._again(held, "an internal error, which the server's log describes")

    async def _claim(self, job_id: UUID) -> Held | None:
        async with self._uow.reading_for("ingest", job_id) as work:
            scope = await leases.scope_of(work, job_id)
        if scope is None:
            return None
        async with self._uow(scope) as work:
            return await leases.claim(work, scope, job_id, self._lease, self._attempts)

    async def _while_held(self, held: Held) -> None:
        """Work and beat at once. A lease that is lost ends the work; work that has ended its job ends the beating."""
        work = asyncio.create_task(self._stages(held))
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

    async def _stages(self, held: Held) -> None:
        subject, source = await self._subject(held)
        parsed = await stages.parse(subject, self._blobs)
        passages = await stages.chunk(subject, parsed)
        embedder = await embedder_of(source, self._embedders)
        vectors = await stages.embed(subject, embedder, stages.embedded_texts(subject, parsed, passages))
        await stages.store(subject, self._uow, embedder, parsed, passages, vectors)
        await subject.stored.forget()

    async def _subject(self, held: Held) -> tuple[Subject, SearchIndex]:
        async with self._uow(held.scope) as work:
            document = await repository.document(work, held.scope, held.document_id)
            if document is None:
                raise LeaseLost("the document was deleted")
            found = await repository.index_by_id(work, held.scope, held.index_id)
        if found is None:
            raise LeaseLost("the collection was deleted")
        stored = Artefacts(self._artefacts, held.scope.org_id, document.id, document.sha256)

        async def note(stage: Stage, done: int, total: int) -> None:
            await self._progress(held, stage, done, total)

        return Subject(held, document.name, document.sha256, found.made_by, stored, note), found

    async def _progress(self, held: Held, stage: Stage, done: int, total: int) -> None:
        async with self._uow(held.scope) as work:
            await leases.progress(work, held, stage, done, total)

    async def _fail(self, held: Held, reason: str) -> None:
        await self._end(held, lambda work, job: leases.fail(work, job, reason))

    async def _again(self, held: Held, reason: str) -> None:
        """Give the job back, or give up when this was its last attempt."""
        if held.attempts >= self._attempts:
            await self._fail(held, f"gave up after {self._attempts} attempts; the last one: {reason}")
        else:
            delay = _DELAY * 2**held.attempts
            await self._end(held, lambda work, job: leases.release(work, job, reason, delay))

    async def _end(self, held: Held, ending: Callable[[Work, Held], Awaitable[None]]) -> None:
        try:
            async with self._uow(held.scope) as work:
                await ending(work, held)
        except LeaseLost as fault:
            _log.info("job %s: %s", held.id, fault.message)
