"""The projects of an organization."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import ProjectOut

router = Router(prefix="/projects", tags=["people"], route_class=GuardedRoute)

Manager = Annotated[OrgScope, requires("organization:manage")]


class ProjectIn(Body):
    """What a project shall be called."""

    name: Annotated[str, Field(min_length=1, max_length=100)]


@router.get("", operation_id="list_projects")
async def list_projects(girih: Wired, scope: Annotated[OrgScope, requires("members:read")]) -> Page[ProjectOut]:
    """Every project of the organization, by name."""
    return Page(items=await girih.people.projects.projects(scope))


@router.post("", operation_id="create_project", status_code=201)
async def create_project(girih: Wired, scope: Manager, body: ProjectIn) -> ProjectOut:
    """Make a project: a place for agents, runs and collections that nothing of another project is seen in."""
    return await girih.people.projects.create(scope, body.name)


@router.patch("/{project_id}", operation_id="rename_project")
async def rename_project(girih: Wired, scope: Manager, project_id: UUID, body: ProjectIn) -> ProjectOut:
    """Call a project otherwise."""
    return await girih.people.projects.rename(scope, project_id, body.name)
