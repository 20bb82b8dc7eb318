"""The rows of collections as they are listed and deleted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, func, select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.knowledge.tables import Collection, Document, DocumentVersion, SearchIndex
from girih.services.pipelines.schemas import UsedPipeline
from girih.services.pipelines.tables import Pipeline, PipelineVersion

Described = tuple[Collection, SearchIndex, int]
"""A collection with its active index and the number of its documents."""


async def page(work: Work, scope: OrgScope, *, after: str | None, limit: int) -> list[Described]:
    """Collections of the project by name, beginning after that one."""
    query = _described().where(
        Collection.org_id == scope.org_id, Collection.project_id == scope.project_id, Collection.deleted_at.is_(None)
    )
    if after is not None:
        query = query.where(Collection.name > after)
    rows = await work.session.execute(query.order_by(Collection.name).limit(limit))
    return [(row[0], row[1], row[2]) for row in rows]


async def described(work: Work, collection: Collection) -> Described:
    """The same of one collection."""
    query = _described().where(Collection.org_id == collection.org_id, Collection.id == collection.id)
    row = (await work.session.execute(query)).one()
    return row[0], row[1], row[2]


async def pipelines_of(work: Work) -> dict[str, UsedPipeline]:
    """The version of its pipeline that each of the project's collections that names one was published with."""
    scope = work.speaks_for
    model = PipelineVersion.document["enricher"]["model"].as_string()
    query = (
        select(Collection.name, Pipeline.name, PipelineVersion.version, PipelineVersion.digest, model)
        .join(
            PipelineVersion,
            and_(PipelineVersion.org_id == Collection.org_id, PipelineVersion.id == Collection.pipeline_version_id),
        )
        .join(Pipeline, and_(Pipeline.org_id == Collection.org_id, Pipeline.id == PipelineVersion.pipeline_id))
        .where(
            Collection.org_id == scope.org_id,
            Collection.project_id == scope.project_id,
            Collection.deleted_at.is_(None),
        )
    )
    return {name: UsedPipeline(*used) for name, *used in await work.session.execute(query)}


async def documents_of(work: Work, names: Iterable[str], *, building: bool) -> dict[str, int]:
    """How many documents each of these collections holds; with `building`, of those with an index on its way."""
    scope = work.speaks_for
    query = (
        select(Collection.name, func.count(Document.id))
        .outerjoin(Document, and_(Document.org_id == Collection.org_id, Document.collection_id == Collection.id))
        .where(
            Collection.org_id == scope.org_id,
            Collection.project_id == scope.project_id,
            Collection.deleted_at.is_(None),
            Collection.name.in_(tuple(names)),
        )
        .group_by(Collection.name)
    )
    if building:
        begun = select(SearchIndex.id).where(
            SearchIndex.org_id == Collection.org_id,
            SearchIndex.collection_id == Collection.id,
            SearchIndex.status == "building",
        )
        query = query.where(begun.exists())
    return {row[0]: row[1] for row in await work.session.execute(query)}


async def contents(work: Work, collection: Collection, limit: int) -> list[tuple[UUID, str]]:
    """The id of each of so many documents with the hash of each content that it has or had."""
    mine = (Document.org_id == collection.org_id, Document.collection_id == collection.id)
    query = select(Document.id, Document.sha256).where(*mine).order_by(Document.id).limit(limit)
    newest = [(row[0], row[1]) for row in await work.session.execute(query.with_for_update())]
    kept = select(DocumentVersion.document_id, DocumentVersion.sha256).where(
        DocumentVersion.org_id == collection.org_id,
        DocumentVersion.document_id.in_([document_id for document_id, _ in newest]),
    )
    return newest + [(row[0], row[1]) for row in await work.session.execute(kept)]


async def remove_documents(work: Work, collection: Collection, ids: Iterable[UUID]) -> None:
    """Delete the rows of documents, and what hangs on them."""
    gone = delete(Document).where(Document.org_id == collection.org_id, Document.id.in_(tuple(ids)))
    await work.session.execute(gone.execution_options(synchronize_session=False))


async def is_empty(work: Work, collection: Collection) -> bool:
    """Whether it has no document, and will have none: it is held, also against new ones."""
    mine = (Collection.org_id == collection.org_id, Collection.id == collection.id)
    await work.session.execute(select(Collection.id).where(*mine).with_for_update())
    held = select(Document.id).where(Document.org_id == collection.org_id, Document.collection_id == collection.id)
    return await work.session.scalar(held.limit(1)) is None


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
