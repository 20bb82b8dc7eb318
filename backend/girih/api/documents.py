"""Documents: uploaded into a collection, one or many at once, followed until they can be searched, changed, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from girih.api.askers import For
from girih.api.bulk import take_all
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.given import facts_of, given_of
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.api.uploads import FIELD, MOST_FILES, BulkRoute, UploadRoute, upload_of
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.services.knowledge.document_schemas import Deleted, DocumentChange, DocumentFilter, SortBy, Taken
from girih.services.knowledge.documents import MOST_AT_ONCE
from girih.services.knowledge.schemas import DocumentOut, Status

router = Router(tags=["knowledge"], route_class=GuardedRoute)
uploads = Router(tags=["knowledge"], route_class=UploadRoute)
bulk = Router(tags=["knowledge"], route_class=BulkRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Writer = Annotated[OrgScope, requires("knowledge:write")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=2000)]


def _form(file: dict[str, Any]) -> dict[str, Any]:
    """The description of a multipart form with fields before its file."""
    properties = {
        "key": {"type": "string", "description": "What makes it the same document as before. Default: its name."},
        "metadata": {"type": "string", "description": "A JSON object of scalars and lists. Comes before the file."},
        "readers": {"type": "string", "description": "A JSON list of `user:ID`, `group:NAME`, `role:NAME`."},
        "source_ref": {"type": "string", "description": "What it is called where it comes from; yours to choose."},
        FIELD: file,
    }
    schema = {"type": "object", "required": [FIELD], "properties": properties}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


_BINARY = {"type": "string", "format": "binary"}
FORM = _form(_BINARY)
FORMS = _form({"type": "array", "items": _BINARY, "maxItems": MOST_FILES})


class TakenList(BaseModel):
    """What became of each file, in the order of the form."""

    items: list[Taken]


class DeleteIn(Body):
    """Which documents are to be deleted: by their ids, or those of a collection that fit."""

    ids: Annotated[list[UUID], Field(default_factory=list, max_length=MOST_AT_ONCE)]
    collection: str | None = None
    status: Status | None = None
    name_contains: Annotated[str | None, Field(max_length=255)] = None
    metadata: Annotated[dict[str, Any], Field(default_factory=dict)]
    source: UUID | None = None


def _wanted(
    status: Status | None = None,
    name_contains: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
    key: Annotated[str | None, Query(min_length=1, max_length=255)] = None,
    metadata: Annotated[
        str | None, Query(max_length=4000, description='A part of the metadata, as JSON: `{"team": "sales"}`.')
    ] = None,
    source: Annotated[UUID | None, Query(description="The data store that brought it.")] = None,
    updated_since: datetime | None = None,
) -> DocumentFilter:
    """The documents that the query is about."""
    for text in (name_contains, key, metadata):
        if text is not None and "\0" in text:
            raise InvalidInput("a filter holds NUL, which no document has")
    if updated_since is not None and updated_since.tzinfo is None:
        raise InvalidInput("`updated_since` lacks its offset", help="write it as 2026-01-31T12:00:00Z")
    facts = facts_of(metadata) if metadata is not None else {}
    return DocumentFilter(status, name_contains, key, facts, source, updated_since)


@uploads.post("/collections/{name}/documents", operation_id="upload_document", status_code=202, openapi_extra=FORM)
async def upload_document(girih: Wired, scope: Writer, name: str, request: Request) -> DocumentOut:
    """Take a document; it is ingested in the background. The same content again gives the document it made before."""
    upload = await upload_of(request)
    return await girih.documents.upload(scope, name, given_of(upload.filename, upload.fields), upload.content)


@bulk.post("/collections/{name}/documents/bulk", operation_id="upload_documents", openapi_extra=FORMS)
async def upload_documents(girih: Wired, scope: Writer, name: str, request: Request) -> TakenList:
    """Take many documents. Fields before a file are about that file; one that is refused does not stop the others."""
    return TakenList(items=await take_all(girih.documents, scope, name, request))


@router.get("/collections/{name}/documents", operation_id="list_documents")
async def list_documents(
    girih: Wired,
    scope: Reader,
    name: str,
    wanted: Annotated[DocumentFilter, Depends(_wanted)],
    principals: For,
    sort: SortBy = "name",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[DocumentOut]:
    """The documents of a collection that fit."""
    items, after = await girih.documents.documents(
        scope, name, wanted, principals, sort=sort, cursor=cursor, limit=limit
    )
    return Page(items=items, next=after)


@router.get("/documents/{document_id}", operation_id="get_document")
async def get_document(girih: Wired, scope: Reader, document_id: UUID, principals: For) -> DocumentOut:
    """One document and how far it is."""
    return await girih.documents.document(scope, document_id, principals)


@router.patch("/documents/{document_id}", operation_id="change_document")
async def change_document(girih: Wired, scope: Writer, document_id: UUID, body: DocumentChange) -> DocumentOut:
    """Rename it, change its metadata or its readers, or move it to another collection, which brings it in anew."""
    return await girih.documents.change(scope, document_id, body)


@router.delete("/documents/{document_id}", operation_id="delete_document", status_code=204)
async def delete_document(girih: Wired, scope: Writer, document_id: UUID) -> None:
    """Delete a document with all its passages, its versions and its files."""
    await girih.documents.delete(scope, document_id)


@router.post("/documents/delete", operation_id="delete_documents")
async def delete_documents(girih: Wired, scope: Writer, body: DeleteIn) -> Deleted:
    """Delete many documents: those with these ids, or the first ones of a collection that fit."""
    if (body.collection is None) == (not body.ids):
        raise InvalidInput("say which documents: either `ids`, or a `collection`")
    wanted = DocumentFilter(body.status, body.name_contains, None, body.metadata, body.source)
    return await girih.documents.delete_many(scope, body.ids, collection=body.collection or "", wanted=wanted)


@router.post("/documents/{document_id}/retry", operation_id="retry_document", status_code=202)
async def retry_document(girih: Wired, scope: Writer, document_id: UUID) -> DocumentOut:
    """Ingest a failed document again."""
    return await girih.documents.retry(scope, document_id)
