"""What a document holds: its versions, its passages, and its file as it was uploaded."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import Field

from girih.api.askers import For
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.downloads import download
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.services.knowledge.document_schemas import ChunkOut, VersionOut
from girih.services.knowledge.schemas import DocumentOut

router = Router(prefix="/documents/{document_id}", tags=["knowledge"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Writer = Annotated[OrgScope, requires("knowledge:write")]
Limit = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(max_length=64)]


class Restore(Body):
    """Which version is to be the document's content again."""

    version: Annotated[int, Field(ge=1, le=2**31 - 1)]


@router.get("/versions", operation_id="list_document_versions")
async def list_versions(
    girih: Wired, scope: Reader, document_id: UUID, principals: For, cursor: Cursor = None, limit: Limit = 50
) -> Page[VersionOut]:
    """The contents that the document has and had, the newest first."""
    items, after = await girih.contents.versions(scope, document_id, principals, cursor=cursor, limit=limit)
    return Page(items=items, next=after)


@router.get("/chunks", operation_id="list_document_chunks")
async def list_chunks(
    girih: Wired, scope: Reader, document_id: UUID, principals: For, cursor: Cursor = None, limit: Limit = 50
) -> Page[ChunkOut]:
    """The passages that searches find, in order, with their places."""
    items, after = await girih.contents.chunks(scope, document_id, principals, cursor=cursor, limit=limit)
    return Page(items=items, next=after)


@router.get(
    "/content",
    operation_id="download_document",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}, 206: {"description": "The part asked for."}},
)
async def download_document(
    girih: Wired, scope: Reader, request: Request, document_id: UUID, principals: For, version: str | None = None
) -> Response:
    """The file as it was uploaded, or an older `version` of it; whole, or the part that `Range` names."""
    if version is not None and not (version.isascii() and version.isdecimal() and len(version) < 10):
        raise InvalidInput("`version` is a number", help="list the document's versions")
    number = int(version) if version is not None else None
    return download(request, await girih.contents.original(scope, document_id, principals, number))


@router.post("/restore", operation_id="restore_document", status_code=202)
async def restore_document(girih: Wired, scope: Writer, document_id: UUID, body: Restore) -> DocumentOut:
    """Let the document hold again what an older version held; that is a new version of it."""
    return await girih.documents.restore(scope, document_id, body.version)
