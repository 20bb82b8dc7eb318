"""What an ingestion does, stage by stage: parse → clean → chunk → enrich → embed → store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from girih.db.unit_of_work import UnitOfWork
from girih.errors import LeaseLost
from girih.providers.embeddings.base import Embedder
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.parse import VERSION as PARSER
from girih.providers.parsers.parse import parse as parse_file
from girih.services.knowledge import index, leases, repository
from girih.services.knowledge.artefacts import Artefacts, key_of
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.chunking import VERSION as CUTTER
from girih.services.knowledge.chunking import Passage, cut
from girih.services.knowledge.identities import bind
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.leases import Held
from girih.services.knowledge.schemas import Stage

BATCH = 16
"""Passages that are embedded between two looks at the lease."""

Note: TypeAlias = Callable[[Stage, int, int], Awaitable[None]]
"""Tells how far a stage is: `done` of `total` (0: not known yet). Raises `LeaseLost`."""


@dataclass(frozen=True)
class Subject:
    """One content of one document on its way into one index."""

    held: Held
    name: str
    sha256: str
    made_by: IndexConfig
    stored: Artefacts
    note: Note


async def parse(subject: Subject, blobs: Blobs) -> ParsedDocument:
    """The document's text and structure. Raises `DocumentRejected`, `Unavailable`."""
    await subject.note("parse", 0, 0)
    key = key_of(PARSER, Path(subject.name).suffix.lower())
    parsed = await subject.stored.parsed(key)
    if parsed is None:
        async with blobs.file(subject.held.scope.org_id, subject.sha256) as path:
            parsed = await parse_file(path, subject.name)
        await subject.stored.put_parsed(key, parsed)
    pages = parsed.pages or 1
    await subject.note("parse", pages, pages)
    return parsed


async def chunk(subject: Subject, parsed: ParsedDocument) -> list[Passage]:
    """The document's passages, in order."""
    await subject.note("chunk", 0, 0)
    rules = subject.made_by.chunk
    key = key_of(PARSER, CUTTER, rules.strategy, rules.size, rules.overlap)
    passages = await subject.stored.passages(key)
    if passages is None:
        passages = await asyncio.to_thread(cut, parsed, rules)
        await subject.stored.put_passages(key, passages)
    await subject.note("chunk", len(passages), len(passages))
    return passages


def embedded_texts(subject: Subject, parsed: ParsedDocument, passages: Sequence[Passage]) -> list[str]:
    """What is embedded of each passage."""
    return [passage.with_header(parsed.title, subject.made_by.chunk.context) for passage in passages]


async def embed(subject: Subject, embedder: Embedder, texts: Sequence[str]) -> list[list[float]]:
    """A vector per text; what was embedded before is not embedded again. Raises `Unavailable`."""
    key = key_of(embedder.fingerprint, texts)
    vectors: list[list[float]] = []
    for number, at in enumerate(range(0, len(texts), BATCH)):
        await subject.note("embed", at, len(texts))
        batch = texts[at : at + BATCH]
        known = await subject.stored.vectors(key, number, len(batch))
        if known is None:
            # Read back as stored: a resumed job and an undisturbed one end with the same numbers.
            await subject.stored.put_vectors(key, number, await embedder.embed(batch))
            known = await subject.stored.vectors(key, number, len(batch))
        vectors += known or []
    await subject.note("embed", len(texts), len(texts))
    return vectors


async def store(
    subject: Subject,
    uow: UnitOfWork,
    embedder: Embedder,
    parsed: ParsedDocument,
    passages: Sequence[Passage],
    vectors: Sequence[list[float]],
) -> None:
    """Swap the document's old passages for the new ones and end the job, all in one transaction."""
    held = subject.held
    await subject.note("store", 0, len(passages))
    async with uow(held.scope) as work:
        document = await repository.document(work, held.scope, held.document_id)
        if document is None:
            raise LeaseLost("the document was deleted")
        # The index first, here and wherever both are held: two transactions never wait for each other.
        target = await repository.index_by_id(work, held.scope, held.index_id, lock=True)
        await work.session.refresh(document, with_for_update=True)
        if target is None:
            raise LeaseLost("the collection was deleted")
        await leases.finish(work, held, len(passages))
        bind(target, embedder)
        await index.clear(work, target, document)
        await index.fill(work, target, document, passages, vectors)
        if target.status == "active":
            repository.mark_ready(document, len(passages), parsed.pages)
