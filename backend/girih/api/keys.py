"""API keys: made, listed, revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, require, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import ApiKeyOut, NewApiKey, Permission

router = Router(tags=["keys"], route_class=GuardedRoute)

Manager = Annotated[OrgScope, requires("keys:manage")]


class KeyIn(Body):
    """A key to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    project: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    permissions: Annotated[list[Permission], Field(min_length=1)]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class RotationIn(Body):
    """How long the former key still holds."""

    overlap_minutes: Annotated[int, Field(ge=0, le=60 * 24 * 30)] = 60


@router.get("/keys", operation_id="list_keys")
async def list_keys(girih: Wired, scope: Manager) -> Page[ApiKeyOut]:
    """Every key of the project, the newest first."""
    return Page(items=await girih.identity.keys(scope))


@router.post("/keys", operation_id="create_key", status_code=201)
async def create_key(girih: Wired, scope: Manager, body: KeyIn) -> NewApiKey:
    """Make a key, to another `project` with `organization:manage`. The answer is the only place where it is shown."""
    if body.project is not None:
        require(scope, "organization:manage")
        scope = replace(scope, project_id=await girih.people.projects.named(scope, body.project))
    lifetime = timedelta(days=body.expires_in_days) if body.expires_in_days else None
    return await girih.identity.create_key(scope, body.name, body.permissions, expires_in=lifetime)


@router.delete("/keys/{key_id}", operation_id="revoke_key", status_code=204)
async def revoke_key(girih: Wired, scope: Manager, key_id: UUID) -> None:
    """End a key; within five seconds it opens nothing any more."""
    await girih.identity.revoke_key(scope, key_id)


@router.post("/keys/{key_id}/rotate", operation_id="rotate_key", status_code=201)
async def rotate_key(girih: Wired, scope: Manager, key_id: UUID, body: RotationIn) -> NewApiKey:
    """Make a key in the place of this one, which holds on for the overlap. The answer alone shows the new one."""
    return await girih.identity.rotate_key(scope, key_id, overlap=timedelta(minutes=body.overlap_minutes))
