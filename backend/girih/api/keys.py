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
from girih.services.identity.key_limits import MOST_AGENTS, MOST_NETWORKS, MOST_PROJECTS, KeyLimits
from girih.services.identity.key_scopes import SCOPES, KeyScope, permissions_in
from girih.services.identity.schemas import PERMISSIONS, ApiKeyOut, NewApiKey, Permission

router = Router(tags=["keys"], route_class=GuardedRoute)

Manager = Annotated[OrgScope, requires("keys:manage")]
_Text = Annotated[str, Field(min_length=1, max_length=200)]


class KeyIn(Body):
    """A key to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    project: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    permissions: Annotated[list[Permission], Field(max_length=len(PERMISSIONS), default_factory=list)]
    scopes: Annotated[list[KeyScope], Field(max_length=len(SCOPES), default_factory=list)]
    """Sets of permissions by name, besides those that are listed."""
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    agents: Annotated[list[_Text], Field(max_length=MOST_AGENTS, default_factory=list)]
    """The agents it is for, by name or as `name*`; none: all of them."""
    projects: Annotated[list[_Text], Field(max_length=MOST_PROJECTS, default_factory=list)]
    """Other projects that it is for besides its own."""
    networks: Annotated[list[_Text], Field(max_length=MOST_NETWORKS, default_factory=list)]
    """Where it may come from, as CIDR; none: anywhere."""
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    runs_at_once: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    def wanted(self) -> frozenset[str]:
        """Every permission that it is to have."""
        return frozenset(self.permissions) | permissions_in(self.scopes, of_certain_agents=bool(self.agents))

    def limits(self) -> KeyLimits:
        """What it is to be limited to, but for its projects."""
        return KeyLimits(tuple(self.agents), (), tuple(self.networks), self.requests_per_minute, self.runs_at_once)


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
    return await girih.identity.create_key(
        scope, body.name, body.wanted(), expires_in=lifetime, limits=body.limits(), projects=body.projects
    )


@router.delete("/keys/{key_id}", operation_id="revoke_key", status_code=204)
async def revoke_key(girih: Wired, scope: Manager, key_id: UUID) -> None:
    """End a key; within five seconds it opens nothing any more."""
    await girih.identity.revoke_key(scope, key_id)


@router.post("/keys/{key_id}/rotate", operation_id="rotate_key", status_code=201)
async def rotate_key(girih: Wired, scope: Manager, key_id: UUID, body: RotationIn) -> NewApiKey:
    """Make a key in the place of this one, which holds on for the overlap. The answer alone shows the new one."""
    return await girih.identity.rotate_key(scope, key_id, overlap=timedelta(minutes=body.overlap_minutes))
