"""One item of a source: whether it is as before, and if not, its bytes on their way to become a document."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Literal
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.errors import DocumentRejected, InvalidInput, TooLarge, Unsupported
from girih.providers.loaders.base import Content, Item, ItemFault, ItemGone, ItemSame, Loader
from girih.providers.outbound import OutboundError
from girih.providers.parsers.formats import suffix_of
from girih.services.knowledge.document_schemas import Given, display_name
from girih.services.sources.ports import Documents
from girih.services.sources.recording import Outcome
from girih.services.sources.tables import SourceItem

FETCH_SECONDS = 600.0
_IN_MEMORY = 2**20
_PIECE = 2**18
_LONGEST_KEY = 255
_LONGEST_REF = 2000


@dataclass(frozen=True)
class Subject:
    """What items become: documents of which collection, of which data store, for which readers."""

    scope: OrgScope
    store_id: UUID
    collection: str
    readers: list[str] | None
    dry_run: bool
    max_bytes: int


@dataclass(frozen=True)
class _Fetched:
    """An item's bytes in a temporary file, their hash and what came with them."""

    file: IO[bytes]
    sha256: str
    content: Content


async def take(
    subject: Subject, documents: Documents, loader: Loader, item: Item, known: SourceItem | None
) -> Outcome | None:
    """Bring an item in, if it is not as it was; `None` for one that is not there after all.

    What is wrong with one item is its outcome; raises `SourceFault` where no other one could be had either.
    """
    described = _described(item, subject.readers)
    taken = known if known is not None and known.document_id is not None and known.described == described else None
    before = taken if taken is not None and taken.status == "ok" else None
    if before is not None and item.mark is not None and item.mark == before.mark:
        return _unchanged(item.ref, before, item.mark)
    try:
        _require_fit(item, subject.max_bytes)
        async with (
            asyncio.timeout(FETCH_SECONDS),
            loader.fetch(item, before.mark if before is not None else None) as content,
            _spooled(content, subject.max_bytes) as fetched,
        ):
            mark = content.mark or item.mark
            if taken is not None and taken.sha256 == fetched.sha256:
                return _unchanged(item.ref, taken, mark)
            document_id = known.document_id if known is not None else None
            action: Literal["added", "changed"] = "added" if document_id is None else "changed"
            if not subject.dry_run:
                document_id = await _upload(subject, documents, item, fetched)
            return Outcome(item.ref, action, mark, fetched.sha256, described, document_id)
    except ItemSame:
        return _unchanged(item.ref, before, before.mark) if before is not None else _failed(item, "it sent nothing")
    except ItemGone as fault:
        return None if known is not None and known.document_id is not None else _failed(item, fault.message)
    except TimeoutError:
        return _failed(item, f"it did not arrive within {FETCH_SECONDS:g} s")
    except (ItemFault, OutboundError, InvalidInput, Unsupported, TooLarge, DocumentRejected) as fault:
        return _failed(item, fault.message if fault.help is None else f"{fault.message} – {fault.help}")


def key_of(store_id: UUID, ref: str) -> str:
    """What makes a document the same one at the next sync; two data stores may name things alike."""
    key = f"{store_id}:{ref}"
    try:
        is_good = display_name(key, "key") == key and len(key) <= _LONGEST_KEY
    except InvalidInput:
        is_good = False
    return key if is_good else f"{store_id}:sha256:{hashlib.sha256(ref.encode()).hexdigest()}"


async def _upload(subject: Subject, documents: Documents, item: Item, fetched: _Fetched) -> UUID:
    content = fetched.content
    given = Given(
        name=_name(content.name or item.name),
        key=key_of(subject.store_id, item.ref),
        metadata=dict(item.metadata) | dict(content.metadata),
        readers=subject.readers,
        media_type=content.media_type or item.media_type,
        source_id=subject.store_id,
        source_ref=item.ref,
    )
    document = await documents.upload(subject.scope, subject.collection, given, _pieces(fetched.file))
    return document.id


def _require_fit(item: Item, most: int) -> None:
    if len(item.ref) > _LONGEST_REF:
        raise ItemFault("its name in the source is too long")
    suffix_of(item.name)
    if item.size is not None and item.size > most:
        raise ItemFault(f"it is larger than the limit of {most / 2**20:.4g} MB")


def _described(item: Item, readers: list[str] | None) -> str:
    said = json.dumps([item.name, item.metadata, readers], sort_keys=True, default=str)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _unchanged(ref: str, before: SourceItem, mark: str | None) -> Outcome:
    return Outcome(ref, "unchanged", mark, before.sha256, before.described, before.document_id)


def _failed(item: Item, reason: str) -> Outcome:
    return Outcome(item.ref[:_LONGEST_REF], "failed", reason=reason[:1000])


def _name(name: str) -> str:
    """The end of a long name tells more than its beginning."""
    return name if len(name) <= _LONGEST_KEY else f"…{name[-(_LONGEST_KEY - 1) :]}"


@asynccontextmanager
async def _spooled(content: Content, most: int) -> AsyncIterator[_Fetched]:
    """The bytes where their hash is known before anything is uploaded. Raises `ItemFault` beyond `most` bytes."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="girih-item-") as file:
        digest, size = hashlib.sha256(), 0
        async for piece in content.pieces:
            size += len(piece)
            if size > most:
                raise ItemFault(f"it is larger than the limit of {most / 2**20:.4g} MB")
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
        if not size:
            raise ItemFault("it is empty (0 bytes)")
        yield _Fetched(file, digest.hexdigest(), content)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, 0)
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece
