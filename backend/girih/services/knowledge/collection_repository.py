"""The rows of collections as they are listed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, select, union

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.knowledge.tables import Collection, Document, DocumentVersion, SearchIndex

Described = tuple[Collection, SearchIndex, int]
"""A collection with its active index and the number of its documents."""


async def page(work: Work, scope: OrgScope, *, after: str | None, limit: int) -> list[Described]:
    """Collections of the project by name, beginning after that one."""
    query = _described().where(Collection.org_id == scope.org_id, Collection.project_id == scope.project_id)
    if after is not None:
        query = query.where(Collection.name > after)
    rows = await work.session.execute(query.order_by(Collection.name).limit(limit))
    return [(row[0], row[1], row[2]) for row in rows]


async def described(work: Work, collection: Collection) -> Described:
    """The same of one collection."""
    query = _described().where(Collection.org_id == collection.org_id, Collection.id == collection.id)
    row = (await work.session.execute(query)).one()
    return row[0], row[1], row[2]


async def contents(work: Work, collection: Collection) -> list[tuple[UUID, str]]:
    """The id of each document with the hash of each content that it has or had."""
    own = Document.org_id == collection.org_id, Document.collection_id == collection.id
    newest = select(Document.id, Document.sha256).where(*own)
    kept = (
        select(DocumentVersion.document_id, DocumentVersion.sha256)
        .join(Document, and_(Document.org_id == DocumentVersion.org_id, Document.id == DocumentVersion.document_id))
        .where(*own)
    )
    return [(row[0], row[1]) for row in await work.session.execute(union(newest, kept))]


async def indexes(work: Work, collection: Collection) -> Sequence[SearchIndex]:
    """All indexes of a collection, held."""
    query = select(SearchIndex).where(
        SearchIndex.org_id == collection.org_id, SearchIndex.collection_id == collection.id
    )
    return (await work.session.scalars(query.order_by(SearchIndex.number).with_for_update())).all()


async def remove(work: Work, collection: Collection) -> None:
    """Delete the row of a collection, and what hangs on it."""
    gone = delete(Collection).where(Collection.org_id == collection.org_id, Collection.id == collection.id)
    await work.session.execute(gone)


def _described() -> Any:
    counted = (
        select(func.count())
        .where(Document.org_id == Collection.org_id, Document.collection_id == Collection.id)
        .correlate(Collection)
        .scalar_subquery()
    )
    return select(Collection, SearchIndex, counted).join(
        SearchIndex, and_(SearchIndex.org_id == Collection.org_id, SearchIndex.id == Collection.index_id)
    )
