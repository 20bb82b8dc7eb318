"""Traces of runs: what they did, when, for how long, and at what cost."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.runs.spans import TraceOut

router = Router(prefix="/runs", tags=["runs"], route_class=GuardedRoute)


@router.get("/{run_id}/trace", operation_id="get_trace")
async def get_trace(girih: Wired, scope: Annotated[OrgScope, requires("traces:read")], run_id: UUID) -> TraceOut:
    """A run's spans as a tree. What people and models wrote is in it for keys with `runs:read` only."""
    return await girih.traces.trace(scope, run_id)
