"""The rows of documents as they are listed, and of their versions and passages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import BadCursor
from girih.services.knowledge.document_schemas import DocumentFilter, SortBy
from girih.services.knowledge.tables import Chunk, Collection, Document, DocumentVersion, IngestJob

Described = tuple[Document, str, IngestJob | None]
"""A document, its collection's name, and its newest job for the index that searches read."""

_ORDERS: Mapping[str, Any] = {
    "name": Document.name,
    "created_at": Document.created_at,
    "updated_at": Document.updated_at,
    "size": Document.size,
}


async def put(work: Work, scope: OrgScope, collection_id: UUID, key: str, name: str) -> Document:
    """The document of that key, made (without content: generation 0) if there is none; held."""
    row = {
        "id": new_id(),
        "org_id": scope.org_id,
        "project_id": scope.project_id,
        "collection_id": collection_id,
        "key": key,
        "name": name,
        "size": 0,
        "sha256": "",
        "generation": 0,
        "status": "queued",
    }
    await work.session.execute(insert(Document).values(**row).on_conflict_do_nothing())
    query = select(Document).where(
        Document.org_id == scope.org_id, Document.collection_id == collection_id, Document.key == key
    )
    return (await work.session.scalars(query.with_for_update())).one()


async def is_taken(work: Work, collection_id: UUID, key: str, *, but: UUID) -> bool:
    """Whether another document of the collection has the key."""
    query = select(Document.id).where(
        Document.org_id == work.speaks_for.org_id,
        Document.collection_id == collection_id,
        Document.key == key,
        Document.id != but,
    )
    return await work.session.scalar(query) is not None


async def described(work: Work, scope: OrgScope, id: UUID) -> Described | None:
    """One document of the project."""
    row = (await work.session.execute(_described(scope).where(Document.id == id))).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


async def page(
    work: Work,
    scope: OrgScope,
    collection_id: UUID,
    wanted: DocumentFilter,
    *,
    sort: SortBy,
    cursor: str | None,
    limit: int,
) -> tuple[list[Described], str | None]:
    """The documents of a collection that fit, from the cursor on, and the cursor of the next page."""
    column, down = _ORDERS[sort.removeprefix("-")], sort.startswith("-")
    query = _described(scope).where(*_fits(collection_id, wanted))
    if cursor is not None:
        value, last = read_cursor(cursor, sort)
        here, there = tuple_(column, Document.id), tuple_(value, last)
        query = query.where(here < there if down else here > there)
    order = [column.desc(), Document.id.desc()] if down else [column, Document.id]
    rows = [(row[0], row[1], row[2]) for row in await work.session.execute(query.order_by(*order).limit(limit + 1))]
    after = None
    if len(rows) > limit:
        document = rows[limit - 1][0]
        after = cursor_of(sort, getattr(document, sort.removeprefix("-")), document.id)
    return rows[:limit], after


async def ids(work: Work, collection_id: UUID, wanted: DocumentFilter, limit: int) -> Sequence[UUID]:
    """The ids of documents of a collection that fit."""
    query = select(Document.id).where(Document.org_id == work.speaks_for.org_id, *_fits(collection_id, wanted))
    return (await work.session.scalars(query.order_by(Document.id).limit(limit))).all()


async def add_version(work: Work, document: Document, created_by: str) -> None:
    """Keep what the document holds now as a version of it."""
    version = DocumentVersion(
        id=new_id(),
        org_id=document.org_id,
        document_id=document.id,
        generation=document.generation,
        sha256=document.sha256,
        size=document.size,
        media_type=document.media_type,
        name=document.name,
        facts=dict(document.facts or {}),
        created_by=created_by,
    )
    work.session.add(version)
    await work.session.flush()


async def versions(
    work: Work, document: Document, *, before: int | None = None, limit: int | None = None
) -> Sequence[DocumentVersion]:
    """The versions of a document, the newest first."""
    query = select(DocumentVersion).where(
        DocumentVersion.org_id == document.org_id, DocumentVersion.document_id == document.id
    )
    if before is not None:
        query = query.where(DocumentVersion.generation < before)
    return (await work.session.scalars(query.order_by(DocumentVersion.generation.desc()).limit(limit))).all()


async def forget_versions(work: Work, document: Document, keep: int) -> list[str]:
    """Remove all versions but the newest; gives the hashes of what they held."""
    old = [version.id for version in (await versions(work, document))[keep:]]
    gone = delete(DocumentVersion).where(DocumentVersion.org_id == document.org_id, DocumentVersion.id.in_(old))
    return list((await work.session.scalars(gone.returning(DocumentVersion.sha256))).all()) if old else []


async def hashes(work: Work, document: Document) -> set[str]:
    """The hashes of all that the document holds and held."""
    return {version.sha256 for version in await versions(work, document)} | {document.sha256}


async def chunks(work: Work, document: Document, after: int, limit: int) -> Sequence[Chunk]:
    """The document's passages in the index that searches read, in order."""
    active = select(Collection.index_id).where(
        Collection.org_id == document.org_id, Collection.id == document.collection_id
    )
    query = select(Chunk).where(
        Chunk.org_id == document.org_id,
        Chunk.index_id == active.scalar_subquery(),
        Chunk.document_id == document.id,
        Chunk.ordinal > after,
    )
    return (await work.session.scalars(query.order_by(Chunk.ordinal).limit(limit))).all()


async def by_status(work: Work, collection_id: UUID) -> dict[str, int]:
    """How many documents of a collection are in each state."""
    query = select(Document.status, func.count()).where(
        Document.org_id == work.speaks_for.org_id, Document.collection_id == collection_id
    )
    return {row[0]: row[1] for row in await work.session.execute(query.group_by(Document.status))}


def cursor_of(sort: str, value: object, id: UUID) -> str:
    """Where the next page of a list in this order begins."""
    said = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([sort, said, str(id)]).encode()).decode()


def read_cursor(cursor: str, sort: str) -> tuple[object, UUID]:
    """The place a cursor names. Raises `BadCursor`."""
    try:
        given, value, last = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if given != sort or (sort.endswith("name") and (not isinstance(value, str) or "\0" in value)):
            raise ValueError("another list's cursor")
        if sort.endswith("_at"):
            value = datetime.fromisoformat(value)
        if sort.endswith("size"):
            value = min(int(value), 2**62)
        return value, UUID(last)
    except (ValueError, TypeError, AttributeError, UnicodeError, binascii.Error, RecursionError) as fault:
        raise BadCursor("this is no cursor of this list", help="send the `next` of the page before") from fault


def _described(scope: OrgScope) -> Any:
    return (
        select(Document, Collection.name, IngestJob)
        .join(Collection, and_(Collection.org_id == Document.org_id, Collection.id == Document.collection_id))
        .outerjoin(
            IngestJob,
            and_(
                IngestJob.org_id == Document.org_id,
                IngestJob.document_id == Document.id,
                IngestJob.generation == Document.generation,
                IngestJob.index_id == Collection.index_id,
            ),
        )
        .where(
            Document.org_id == scope.org_id, Document.project_id == scope.project_id, Collection.deleted_at.is_(None)
        )
    )


def _fits(collection_id: UUID, wanted: DocumentFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Document.collection_id == collection_id]
    for column, value in (
        (Document.status, wanted.status),
        (Document.key, wanted.key),
        (Document.source_id, wanted.source_id),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.name is not None:
        conditions.append(Document.name.icontains(wanted.name, autoescape=True))
    if wanted.metadata:
        conditions.append(Document.facts.contains(dict(wanted.metadata)))
    if wanted.updated_since is not None:
        conditions.append(Document.updated_at >= wanted.updated_since)
    if wanted.principals is not None:
        named = Document.readers.op("&&")(cast(list(wanted.principals), ARRAY(Text)))
        conditions.append(or_(Document.readers.is_(None), named))
    return conditions
