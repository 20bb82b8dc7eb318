"""The audit log of an organization: searched, exported, verified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import Query
from starlette.responses import StreamingResponse

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.audit.schemas import AuditEntryOut, AuditPage, AuditSearch, AuditVerdict

router = Router(prefix="/audit", tags=["audit"], route_class=GuardedRoute)

Auditor = Annotated[OrgScope, requires("audit:read")]
Text = Annotated[str | None, Query(max_length=200)]
NDJSON = "application/x-ndjson"


@router.get("", operation_id="list_audit_entries")
async def list_audit_entries(
    girih: Wired,
    scope: Auditor,
    actor: Text = None,
    action: Text = None,
    target: Text = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AuditPage:
    """What was done in the organization, the newest first. `action=key.` finds all actions on keys."""
    wanted = AuditSearch(actor, action, target, since, until)
    return await girih.people.audit.entries(scope, wanted, cursor=cursor, limit=limit)


@router.get("/export", operation_id="export_audit_log", response_class=StreamingResponse)
async def export_audit_log(girih: Wired, scope: Auditor) -> StreamingResponse:
    """The whole log from its first entry on, one JSON object a line: `girih audit verify FILE` checks it offline."""
    return StreamingResponse(_lines(girih.people.audit.all(scope)), media_type=NDJSON)


@router.get("/verify", operation_id="verify_audit_log")
async def verify_audit_log(girih: Wired, scope: Auditor) -> AuditVerdict:
    """Whether every entry is as it was written, and none is missing before the last."""
    return await girih.people.audit.verify(scope)


async def _lines(parts: AsyncIterator[list[AuditEntryOut]]) -> AsyncIterator[bytes]:
    async for part in parts:
        yield b"".join(entry.model_dump_json().encode() + b"\n" for entry in part)
