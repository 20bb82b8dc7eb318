"""A folder of specs, checked or published as a whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.shapes import Body
from girih.db.tenancy import OrgScope
from girih.services.agents.comparing import Written
from girih.services.agents.schemas import ApplyOut, ComparisonOut

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
    base: str | None = Field(
        default=None,
        max_length=80,
        description="The `base` of the dry run that this was decided on: refused with 409 where it is no longer so.",
    )


class GraphIn(ValidateIn):
    """A graph that is text: the workspace it is a part of, and its name."""

    name: Annotated[str, Field(min_length=1, max_length=200)]

    def side(self) -> Written:
        """As the service takes it."""
        return Written(self.files, self.name)


Side = Annotated[str, Field(min_length=1, max_length=200, description="A reference, as `name@1.2.0`.")] | GraphIn


class DiffIn(Body):
    """Two versions of an agent, each published or still text."""

    old: Side
    new: Side


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
    return await girih.agents.apply(scope, body.files, dry_run=body.dry_run, base=body.base)


@router.post("/diff", operation_id="diff_agents")
async def diff_agents(girih: Wired, scope: Annotated[OrgScope, requires("agents:read")], body: DiffIn) -> ComparisonOut:
    """What one version of a graph does differently from another, piece by piece. Nothing is stored."""
    old, new = (side if isinstance(side, str) else side.side() for side in (body.old, body.new))
    return await girih.agents.comparing.compare(scope, old, new)
