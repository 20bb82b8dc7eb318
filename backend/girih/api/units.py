"""The units of an organization, and which projects belong to them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.organizations.schemas import UnitOut

router = Router(tags=["organization"], route_class=GuardedRoute)

Manager = Annotated[OrgScope, requires("organization:manage")]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class UnitIn(Body):
    """What a unit shall be called, and the unit that it is below; without one it is at the top."""

    name: Name
    parent: UUID | None = None


class UnitName(Body):
    """What a unit shall be called."""

    name: Name


class Above(Body):
    """The unit that something shall be below; null: none."""

    unit: UUID | None


@router.get("/units", operation_id="list_units")
async def list_units(girih: Wired, scope: Annotated[OrgScope, requires("members:read")]) -> Page[UnitOut]:
    """Every unit of the organization, those above before those below."""
    return Page(items=await girih.organizations.units.units(scope))


@router.post("/units", operation_id="create_unit", status_code=201)
async def create_unit(girih: Wired, scope: Manager, body: UnitIn) -> UnitOut:
    """Make a unit. Whoever has a role at it has that role in every project below it, now and later."""
    return await girih.organizations.units.create(scope, body.name, body.parent)


@router.patch("/units/{unit_id}", operation_id="rename_unit")
async def rename_unit(girih: Wired, scope: Manager, unit_id: UUID, body: UnitName) -> UnitOut:
    """Call a unit otherwise."""
    return await girih.organizations.units.rename(scope, unit_id, body.name)


@router.put("/units/{unit_id}/parent", operation_id="move_unit")
async def move_unit(girih: Wired, scope: Manager, unit_id: UUID, body: Above) -> UnitOut:
    """Put a unit with all below it below another one, or at the top."""
    return await girih.organizations.units.move(scope, unit_id, body.unit)


@router.delete("/units/{unit_id}", operation_id="delete_unit", status_code=204)
async def delete_unit(girih: Wired, scope: Manager, unit_id: UUID) -> None:
    """Delete a unit that has neither units nor projects below it."""
    await girih.organizations.units.remove(scope, unit_id)


@router.put("/projects/{project_id}/unit", operation_id="assign_project", status_code=204)
async def assign_project(girih: Wired, scope: Manager, project_id: UUID, body: Above) -> None:
    """Let a project belong to a unit, or to none: who has a role above it has that role in it."""
    await girih.organizations.units.assign(scope, project_id, body.unit)
