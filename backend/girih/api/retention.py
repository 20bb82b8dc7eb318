"""Retention: how long a project keeps what has ended."""

from __future__ import annotations

from typing import Annotated

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.services.retention.schemas import RetentionIn, RetentionOut

router = Router(prefix="/retention", tags=["retention"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("retention:read")]
Manager = Annotated[OrgScope, requires("retention:manage")]


@router.get("", operation_id="get_retention")
async def get_retention(girih: Wired, scope: Reader) -> RetentionOut:
    """How many days the project keeps each thing after its end, and what of that it has set itself."""
    return await girih.retention.retention(scope)


@router.put("", operation_id="set_retention")
async def set_retention(girih: Wired, scope: Manager, body: RetentionIn) -> RetentionOut:
    """Set the project's own days; what is left out is as the installation has it. What is gone does not come back."""
    return await girih.retention.set_retention(scope, body)
