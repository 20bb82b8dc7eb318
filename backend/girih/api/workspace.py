"""A folder of specs, checked or published as a whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.shapes import Body
from girih.db.tenancy import OrgScope
from girih.services.agents.schemas import ApplyOut

router = APIRouter(prefix="/workspace", tags=["workspace"], route_class=GuardedRoute)

Publisher = Annotated[OrgScope, requires("agents:publish")]
Files = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=500)], str],
    Field(max_length=2000, description="The texts of the workspace by path (POSIX, relative)."),
]


class ValidateIn(Body):
    """A workspace to check."""

    files: Files


class ApplyIn(ValidateIn):
    """A workspace to publish."""

    dry_run: bool = Field(default=False, description="Only say what would change.")


class Findings(BaseModel):
    """What the compiler found."""

    diagnostics: list[dict[str, Any]]


@router.post("/validate", operation_id="validate_workspace")
async def validate_workspace(
    girih: Wired, scope: Annotated[OrgScope, requires("agents:read")], body: ValidateIn
) -> Findings:
    """Check a workspace against what this server knows. Nothing is stored, run or connected to."""
    return Findings(diagnostics=await girih.agents.validate(scope, body.files))


@router.post("/apply", operation_id="apply_workspace")
async def apply_workspace(girih: Wired, scope: Publisher, body: ApplyIn) -> ApplyOut:
    """Publish a workspace, all of it or (with any error, 422 with `diagnostics`) nothing."""
    return await girih.agents.apply(scope, body.files, dry_run=body.dry_run)
