"""The rows of collections and documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select, text
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonSchema
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.tables import Collection, Document, IngestJob, SearchIndex

_LOCK_BLOB = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


async def collection_named(work: Work, scope: OrgScope, name: str, *, lock: bool = False) -> Collection | None:
    """The project's collection of that name; with `lock`, held to the end of the transaction."""
    query = select(Collection).where(
        Collection.org_id == scope.org_id,
        Collection.project_id == scope.project_id,
        Collection.name == name,
        Collection.deleted_at.is_(None),
    )
    return await work.session.scalar(query.with_for_update(key_share=True) if lock else query)


async def index_by_id(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> SearchIndex | None:
    """The index with that id; with `lock`, as it is now and held to the end of the transaction."""
    query = select(SearchIndex).where(SearchIndex.org_id == scope.org_id, SearchIndex.id == id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return await work.session.scalar(query)


async def active_index(work: Work, collection: Collection, *, lock: bool = False) -> SearchIndex:
    """The index that searches of the collection read; with `lock`, held to the end of the transaction."""
    query = select(SearchIndex).where(SearchIndex.org_id == collection.org_id, SearchIndex.id == collection.index_id)
    return (await work.session.scalars(query.with_for_update(key_share=True) if lock else query)).one()


async def indexes_of(work: Work, document: Document, *, lock: bool = False) -> Sequence[SearchIndex]:
    """Every index of the document's collection, by number; with `lock`, held to the end of the transaction."""
    query = select(SearchIndex).where(
        SearchIndex.org_id == document.org_id, SearchIndex.collection_id == document.collection_id
    )
    query = query.order_by(SearchIndex.number)
    return (await work.session.scalars(query.with_for_update(key_share=True) if lock else query)).all()


async def collections(work: Work, scope: OrgScope) -> list[tuple[Collection, SearchIndex, int]]:
    """Every collection of the project with its active index and the number of its documents, by name."""
    counted = (
        select(func.count())
        .where(Document.org_id == Collection.org_id, Document.collection_id == Collection.id)
        .correlate(Collection)
        .scalar_subquery()
    )
    query = (
        select(Collection, SearchIndex, counted)
        .join(SearchIndex, and_(SearchIndex.org_id == Collection.org_id, SearchIndex.id == Collection.index_id))
        .where(
            Collection.org_id == scope.org_id,
            Collection.project_id == scope.project_id,
            Collection.deleted_at.is_(None),
        )
    )
    return [(row[0], row[1], row[2]) for row in await work.session.execute(query.order_by(Collection.name))]


async def collection_digests(work: Work, scope: OrgScope) -> dict[str, str]:
    """The digest of every collection's document, by the collection's name."""
    query = select(Collection.name, Collection.digest).where(
        Collection.org_id == scope.org_id, Collection.project_id == scope.project_id, Collection.deleted_at.is_(None)
    )
    return dict((await work.session.execute(query)).all())


async def collection_metadata(work: Work, scope: OrgScope) -> dict[str, JsonSchema]:
    """The types of the documents' metadata of every collection that declares them, by the collection's name."""
    query = select(Collection.name, Collection.metadata_schema).where(
        Collection.org_id == scope.org_id,
        Collection.project_id == scope.project_id,
        Collection.metadata_schema.is_not(None),
        Collection.deleted_at.is_(None),
    )
    return {row[0]: row[1] for row in await work.session.execute(query) if row[1] is not None}


async def add_collection(
    work: Work, scope: OrgScope, config: IndexConfig, pipeline: str | None, **values: object
) -> None:
    """Make a collection with its first index; nothing happens if another transaction made it meanwhile."""
    whose = {"org_id": scope.org_id, "project_id": scope.project_id}
    row = {"id": new_id(), "index_id": new_id()} | whose | values
    made = insert(Collection).values(**row).on_conflict_do_nothing().returning(Collection.id)
    if await work.session.scalar(made) is None:
        return
    made_by = {"status": "active", "config": config.as_json, "pipeline": pipeline}
    work.session.add(SearchIndex(**whose, id=row["index_id"], collection_id=row["id"], number=1, **made_by))
    await work.session.flush()


async def put_document(work: Work, scope: OrgScope, collection_id: UUID, name: str) -> tuple[Document, bool]:
    """The document of that name, made (without content: generation 0) if there is none; held, and whether it is new."""
    row = {
        "id": new_id(),
        "org_id": scope.org_id,
        "project_id": scope.project_id,
        "collection_id": collection_id,
        "key": name,
        "name": name,
        "size": 0,
        "sha256": "",
        "generation": 0,
        "status": "queued",
    }
    made = await work.session.scalar(insert(Document).values(**row).on_conflict_do_nothing().returning(Document.id))
    query = select(Document).where(
        Document.org_id == scope.org_id, Document.collection_id == collection_id, Document.key == name
    )
    return (await work.session.scalars(query.with_for_update())).one(), made is not None


async def document(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> Document | None:
    """The project's document with that id; with `lock`, held to the end of the transaction.

    Those of a collection that is being deleted are not there any more.
    """
    going = select(Collection.id).where(
        Collection.org_id == scope.org_id,
        Collection.id == Document.collection_id,
        Collection.deleted_at.is_not(None),
    )
    query = select(Document).where(
        Document.org_id == scope.org_id,
        Document.project_id == scope.project_id,
        Document.id == id,
        ~going.correlate(Document).exists(),
    )
    return await work.session.scalar(query.with_for_update() if lock else query)


async def described(
    work: Work, scope: OrgScope, *, collection_id: UUID | None = None, id: UUID | None = None
) -> list[tuple[Document, str, IngestJob]]:
    """Documents of the project with their collection's name and their newest job for its active index, by name."""
    query: Any = (
        select(Document, Collection.name, IngestJob)
        .join(Collection, and_(Collection.org_id == Document.org_id, Collection.id == Document.collection_id))
        .join(
            IngestJob,
            and_(
                IngestJob.org_id == Document.org_id,
                IngestJob.document_id == Document.id,
                IngestJob.generation == Document.generation,
                IngestJob.index_id == Collection.index_id,
            ),
        )
        .where(Document.org_id == scope.org_id, Document.project_id == scope.project_id)
        .order_by(Document.name)
    )
    if collection_id is not None:
        query = query.where(Document.collection_id == collection_id)
    if id is not None:
        query = query.where(Document.id == id)
    return [(row[0], row[1], row[2]) for row in await work.session.execute(query)]


async def lock_blob(work: Work, scope: OrgScope, sha256: str) -> None:
    """Hold what is done about these bytes to the end of the transaction: uploads and removals take turns."""
    await work.session.execute(_LOCK_BLOB, {"key": f"{scope.org_id}:{sha256}"})


async def blob_in_use(work: Work, scope: OrgScope, sha256: str) -> bool:
    """Whether any document of the organization has these bytes."""
    query = select(Document.id).where(Document.org_id == scope.org_id, Document.sha256 == sha256)
    return await work.session.scalar(query.limit(1)) is not None


def mark_ready(document: Document, passages: int, pages: int | None) -> None:
    """Let the document say that its newest content is the one searches find."""
    document.status, document.reason = "ready", None
    document.passages, document.pages = passages, pages
    document.updated_at = func.now()
