"""Ingestion jobs: listed, found stuck, cancelled, tried again, and followed as they go."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from girih.api.askers import For
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.api.speakers import PLAIN
from girih.api.sse import EventStream, resume_after
from girih.db.tenancy import OrgScope
from girih.services.knowledge.job_schemas import JobOut, JobStatus, Retried

router = Router(tags=["knowledge"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Writer = Annotated[OrgScope, requires("knowledge:write")]
After = Annotated[int, Depends(resume_after)]
Stuck = Annotated[bool, Query(description="Only jobs that wait long, were tried before, or lost their worker.")]


class RetryRequest(Body):
    """Which failed documents are tried again."""

    reason: str | None = Field(
        default=None, max_length=200, description="Only documents whose reason holds these words; else all."
    )


@router.get("/jobs", operation_id="list_ingestion_jobs")
async def list_ingestion_jobs(
    girih: Wired,
    scope: Reader,
    asker: For,
    status: Annotated[JobStatus | None, Query()] = None,
    stuck: Stuck = False,
    collection: Annotated[str | None, Query(max_length=64)] = None,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[JobOut]:
    """The project's ingestions, the newest first, each with what it waits for."""
    items, more = await girih.jobs.jobs(
        scope, status=status, stuck=stuck, collection=collection, principals=asker, cursor=cursor, limit=limit
    )
    return Page(items=items, next=more)


@router.get("/jobs/{job_id}", operation_id="get_ingestion_job")
async def get_ingestion_job(girih: Wired, scope: Reader, asker: For, job_id: UUID) -> JobOut:
    """One ingestion, and what it waits for."""
    return await girih.jobs.job(scope, job_id, asker)


@router.post("/documents/{document_id}/cancel", operation_id="cancel_document", status_code=204)
async def cancel_document(girih: Wired, scope: Writer, document_id: UUID) -> None:
    """Stop bringing a document in. What searches found of it before, they still find."""
    await girih.jobs.cancel(scope, document_id)


@router.post("/collections/{name}/retry", operation_id="retry_documents", status_code=202)
async def retry_documents(girih: Wired, scope: Writer, name: str, body: RetryRequest) -> Retried:
    """Try failed documents of a collection again, a thousand at once."""
    return await girih.jobs.retry_failed(scope, name, body.reason)


@router.get("/documents/{document_id}/events", operation_id="follow_document")
async def follow_document(
    girih: Wired, scope: Reader, asker: For, document_id: UUID, after: After, request: Request
) -> Response:
    """How a document is coming along, as server-sent events, until it is ready, failed or deleted."""
    return EventStream(request, await girih.jobs.follow_document(scope, document_id, after, asker), speaker=PLAIN)


@router.get("/collections/{name}/events", operation_id="follow_collection")
async def follow_collection(
    girih: Wired, scope: Reader, asker: For, name: str, after: After, request: Request
) -> Response:
    """How all documents of a collection are coming along, as server-sent events: first what is, then what changes."""
    return EventStream(request, await girih.jobs.follow_collection(scope, name, after, asker), speaker=PLAIN)
