"""Documents: uploaded into a collection, followed until they can be searched, retried, deleted."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.shapes import Page
from girih.api.uploads import FIELD, UploadRoute, upload_of
from girih.db.tenancy import OrgScope
from girih.services.knowledge.schemas import DocumentOut

router = APIRouter(tags=["knowledge"], route_class=GuardedRoute)
uploads = APIRouter(tags=["knowledge"], route_class=UploadRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Writer = Annotated[OrgScope, requires("knowledge:write")]
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@uploads.post("/collections/{name}/documents", operation_id="upload_document", status_code=202, openapi_extra=FORM)
async def upload_document(girih: Wired, scope: Writer, name: str, request: Request) -> DocumentOut:
    """Take a document; it is ingested in the background. The same content again gives the document it made before."""
    upload = await upload_of(request)
    return await girih.knowledge.upload(scope, name, upload.filename, upload.content)


@router.get("/collections/{name}/documents", operation_id="list_documents")
async def list_documents(girih: Wired, scope: Reader, name: str) -> Page[DocumentOut]:
    """The documents of a collection."""
    return Page(items=await girih.knowledge.documents(scope, name))


@router.get("/documents/{document_id}", operation_id="get_document")
async def get_document(girih: Wired, scope: Reader, document_id: UUID) -> DocumentOut:
    """One document and how far it is."""
    return await girih.knowledge.document(scope, document_id)


@router.delete("/documents/{document_id}", operation_id="delete_document", status_code=204)
async def delete_document(girih: Wired, scope: Writer, document_id: UUID) -> None:
    """Delete a document with all its passages."""
    await girih.knowledge.delete_document(scope, document_id)


@router.post("/documents/{document_id}/retry", operation_id="retry_document", status_code=202)
async def retry_document(girih: Wired, scope: Writer, document_id: UUID) -> DocumentOut:
    """Ingest a failed document again."""
    return await girih.knowledge.retry_document(scope, document_id)
