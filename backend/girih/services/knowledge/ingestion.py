"""One ingestion: parse → chunk → embed → store, under a lease; it ends in the same state however often it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, DocumentRejected, LeaseLost, NotFound, Unavailable
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.ladder import Embedders
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.parse import VERSION as PARSER
from girih.providers.parsers.parse import parse
from girih.services.knowledge import index, leases, repository
from girih.services.knowledge.artefacts import Artefacts, key_of
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.chunking import VERSION as CUTTER
from girih.services.knowledge.chunking import Passage, cut
from girih.services.knowledge.identities import bind, embedder_of
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.leases import Held
from girih.services.knowledge.schemas import Stage
from girih.services.knowledge.tables import Document, SearchIndex

_log = logging.getLogger(__name__)

BATCH = 16
"""Passages that are embedded between two looks at the lease."""
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
        """Work and beat at once; whichever fails first ends both."""
        work = asyncio.create_task(self._stages(held))
        beat = asyncio.create_task(self._beat(held))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            beating = not beat.done()
            for task in (work, beat):
                task.cancel()
            await asyncio.gather(work, beat, return_exceptions=True)
        await (work if beating else beat)

    async def _beat(self, held: Held) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            async with self._uow(held.scope) as work:
                await leases.beat(work, held, self._lease)

    async def _stages(self, held: Held) -> None:
        document, source = await self._subject(held)
        stored = Artefacts(self._artefacts, held.scope.org_id, document.id, document.sha256)
        parsed = await self._parsed(held, document, stored)
        passages = await self._passages(held, source.made_by, parsed, stored)
        embedder = await embedder_of(source, self._embedders)
        texts = [passage.with_header(parsed.title, source.made_by.chunk.context) for passage in passages]
        vectors = await self._vectors(held, embedder, texts, stored)
        await self._store(held, embedder, parsed, passages, vectors)
        await stored.forget()

    async def _subject(self, held: Held) -> tuple[Document, SearchIndex]:
        async with self._uow(held.scope) as work:
            document = await repository.document(work, held.scope, held.document_id)
            if document is None:
                raise LeaseLost("the document was deleted")
            found = await repository.index_by_id(work, held.scope, held.index_id)
        if found is None:
            raise LeaseLost("the collection was deleted")
        return document, found

    async def _parsed(self, held: Held, document: Document, stored: Artefacts) -> ParsedDocument:
        await self._progress(held, "parse", 0, 0)
        key = key_of(PARSER, Path(document.name).suffix.lower())
        parsed = await stored.parsed(key)
        if parsed is None:
            parsed = await parse(self._blobs.path(held.scope.org_id, document.sha256), document.name)
            await stored.put_parsed(key, parsed)
        pages = parsed.pages or 1
        await self._progress(held, "parse", pages, pages)
        return parsed

    async def _passages(
        self, held: Held, made_by: IndexConfig, parsed: ParsedDocument, stored: Artefacts
    ) -> list[Passage]:
        await self._progress(held, "chunk", 0, 0)
        rules = made_by.chunk
        key = key_of(PARSER, CUTTER, rules.strategy, rules.size, rules.overlap)
        passages = await stored.passages(key)
        if passages is None:
            passages = await asyncio.to_thread(cut, parsed, rules)
            await stored.put_passages(key, passages)
        await self._progress(held, "chunk", len(passages), len(passages))
        return passages

    async def _vectors(self, held: Held, embedder: Embedder, texts: list[str], stored: Artefacts) -> list[list[float]]:
        key = key_of(embedder.fingerprint, texts)
        vectors: list[list[float]] = []
        for number, at in enumerate(range(0, len(texts), BATCH)):
            await self._progress(held, "embed", at, len(texts))
            batch = texts[at : at + BATCH]
            known = await stored.vectors(key, number, len(batch))
            if known is None:
                # Read back as stored: a resumed job and an undisturbed one end with the same numbers.
                await stored.put_vectors(key, number, await embedder.embed(batch))
                known = await stored.vectors(key, number, len(batch))
            vectors += known or []
        await self._progress(held, "embed", len(texts), len(texts))
        return vectors

    async def _store(
        self,
        held: Held,
        embedder: Embedder,
        parsed: ParsedDocument,
        passages: list[Passage],
        vectors: list[list[float]],
    ) -> None:
        """Swap the document's old passages for the new ones and end the job, all in one transaction."""
        await self._progress(held, "store", 0, len(passages))
        async with self._uow(held.scope) as work:
            document = await repository.document(work, held.scope, held.document_id)
            if document is None:
                raise LeaseLost("the document was deleted")
            # The index first, here and wherever both are held: two transactions never wait for each other.
            target = await repository.index_by_id(work, held.scope, held.index_id, lock=True)
            await work.session.refresh(document, with_for_update=True)
            if target is None:
                raise NotFound("the collection was deleted")
            await leases.finish(work, held, len(passages))
            bind(target, embedder)
            await index.clear(work, target, document)
            await index.fill(work, target, document, passages, vectors)
            repository.mark_ready(document, len(passages), parsed.pages)

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
