"""What an ingestion does, stage by stage: parse → clean → chunk → enrich → embed → store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import DocumentRejected, LeaseLost, NotFound
from girih.providers.embeddings.base import Embedder
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.parse import VERSION as PARSER
from girih.providers.parsers.parse import parse as parse_file
from girih.services.knowledge import index, leases, repository
from girih.services.knowledge.artefacts import Artefacts, Cut, key_of
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.chunking import VERSION as CUTTER
from girih.services.knowledge.chunking import cut
from girih.services.knowledge.cleaning import VERSION as CLEANER
from girih.services.knowledge.cleaning import cleaned
from girih.services.knowledge.embedding_cache import EmbeddingCache, Vectors, hash_of, length_of, packed, unpacked
from girih.services.knowledge.identities import bind, dims_of
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.leases import Held
from girih.services.knowledge.outside import Outside
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.taking import limits_of, require_something, require_taken

BATCH = 16
"""Passages that are embedded between two looks at the lease."""
LOOK = 256
"""Passages that are looked up at once among those embedded before."""

Note: TypeAlias = Callable[[int, int, int], Awaitable[None]]
"""Tells how far a stage is: `done` of `total` (0: not known yet), `reused` of them. Raises `LeaseLost`."""


@dataclass(frozen=True)
class Subject:
    """One content of one document on its way into one index."""

    held: Held
    name: str
    sha256: str
    size: int
    made_by: IndexConfig
    stored: Artefacts


async def parse(subject: Subject, blobs: Blobs) -> ParsedDocument:
    """The document's text and structure. Raises `DocumentRejected`, `Unavailable`."""
    key = _parsed_key(subject)
    require_taken(subject.made_by.load, subject.name, subject.size)
    parsed = await subject.stored.parsed(key)
    if parsed is None:
        try:
            async with blobs.file(subject.held.scope.org_id, subject.sha256) as path:
                parsed = await parse_file(path, subject.name, limits_of(subject.made_by.parse))
        except NotFound as fault:
            raise DocumentRejected("the uploaded file is not there any more", help="upload it again") from fault
        await subject.stored.keep_parsed(key, parsed)
    return parsed


async def chunk(subject: Subject, parsed: ParsedDocument) -> Cut:
    """The cleaned document's passages in order, and what is to be embedded of each. Raises `DocumentRejected`."""
    key = _cut_key(subject)
    made = await subject.stored.cut(key)
    if made is None:
        made = await asyncio.to_thread(_cut, parsed, subject.made_by)
        await subject.stored.keep_cut(key, made)
    return made


async def chunked(subject: Subject) -> Cut | None:
    """What `chunk` made before, if it is kept."""
    return await subject.stored.cut(_cut_key(subject))


async def embed(
    subject: Subject, target: SearchIndex, embedder: Embedder, cache: EmbeddingCache, texts: Sequence[str], note: Note
) -> Vectors:
    """A vector per text; what the organization had embedded before is not embedded again.

    Raises `Unavailable`, and `Conflict` for vectors that are not as long as those of the target: these are not kept.
    """
    hashes = [hash_of(text) for text in texts]
    scope, fingerprint = subject.held.scope, embedder.fingerprint
    known = await _remembered(scope, target, embedder, cache, hashes, texts)
    missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
    reused = sum(key in known for key in hashes)
    await note(reused, len(texts), reused)
    for made in _batches(missing):
        vectors = await embedder.embed([missing[key] for key in made])
        # With one of those before: a model may change its mind between two answers.
        dims_of(target, embedder, [*vectors, *map(unpacked, islice(known.values(), 1))])
        # Kept before they are counted: whoever goes on with this job, here or elsewhere, finds them.
        fresh = dict(zip(made, map(packed, vectors), strict=True))
        await cache.keep(scope, fingerprint, fresh)
        known |= fresh
        await note(sum(key in known for key in hashes), len(texts), reused)
    return Vectors([known[key] for key in hashes])


async def store(
    subject: Subject, uow: UnitOfWork, outside: Outside, embedder: Embedder, made: Cut, vectors: Vectors
) -> None:
    """Swap the document's old passages for the new ones and end the job, all in one transaction.

    Vectors that are kept `outside` of the database lie there before.
    """
    held = subject.held
    points = await outside.put(held, embedder, made.passages, vectors)
    async with uow(held.scope) as work:
        document = await repository.document(work, held.scope, held.document_id)
        if document is None:
            raise LeaseLost("the document was deleted")
        # The index first, here and wherever both are held: two transactions never wait for each other.
        target = await repository.index_by_id(work, held.scope, held.index_id, lock=True)
        await work.session.refresh(document, with_for_update=True)
        if target is None:
            raise LeaseLost("the collection was deleted")
        await leases.keep(work, held)
        bind(target, embedder, vectors)
        await index.swap(work, target, document, made.passages, vectors)
        await outside.settle(work, target, points)
        if target.status == "active":
            repository.mark_ready(document, len(made.passages), made.pages)
        # Last, because the number of this change is said to be the newest.
        await leases.finish(work, held, len(made.passages))


async def _remembered(
    scope: OrgScope,
    target: SearchIndex,
    embedder: Embedder,
    cache: EmbeddingCache,
    hashes: Sequence[bytes],
    texts: Sequence[str],
) -> dict[bytes, bytes]:
    """The vectors that are known of these texts. Those are not that have another length than the embedder's now."""
    known: dict[bytes, bytes] = {}
    for at in range(0, len(hashes), LOOK):
        known |= await cache.find(scope, embedder.fingerprint, hashes[at : at + LOOK])
    dims = embedder.dims or target.embedder_dims
    if known and not dims:
        # A new index, and a remote embedder that has not answered yet: what it gave before may be of another length.
        dims = len((await embedder.embed(texts[:1]))[0])
    return {key: vector for key, vector in known.items() if length_of(vector) == dims}


def _cut(parsed: ParsedDocument, made_by: IndexConfig) -> Cut:
    document = cleaned(parsed, made_by.clean, made_by.parse)
    require_something(document)
    passages = cut(document, made_by.chunk)
    texts = [passage.with_header(document.title, made_by.chunk.context) for passage in passages]
    return Cut(pages=parsed.pages, passages=passages, texts=texts)


def _batches(missing: Mapping[bytes, str]) -> list[list[bytes]]:
    hashes = list(missing)
    return [hashes[at : at + BATCH] for at in range(0, len(hashes), BATCH)]


def _parsed_key(subject: Subject) -> str:
    return key_of(PARSER, Path(subject.name).suffix.lower(), asdict(limits_of(subject.made_by.parse)))


def _cut_key(subject: Subject) -> str:
    made_by = subject.made_by
    cleaner = CLEANER, made_by.clean.model_dump(mode="json"), made_by.parse.tables
    return key_of(_parsed_key(subject), cleaner, CUTTER, asdict(made_by.chunk))
