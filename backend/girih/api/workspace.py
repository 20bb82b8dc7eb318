"""A folder of specs, checked or published as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from girih.api.deps import GuardedRoute, Wired, require, requires
from girih.api.etags import IfMatch, asked, etag, precondition
from girih.api.shapes import Body
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.services.agents.comparing import Written
from girih.services.agents.schemas import ApplyOut, ComparisonOut
from girih.services.agents.terms import Terms
from girih.services.registry.schemas import Origin

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
    prune: bool = Field(default=False, description="Delete what the project has and the workspace does not name.")
    prune_data: bool = Field(
        default=False, description="With `prune`, also collections with documents; needs `knowledge:write`."
    )
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = Field(
        default=None, description="The commit of the folder; kept with every version that this makes."
    )
    dirty: bool | None = Field(default=None, description="Whether the folder held changes beside the commit.")
    message: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        default=None, description="What it is about, in a sentence; kept with every version that this makes."
    )
    force_tests: bool = Field(
        default=False, description="Publish although tests of the graphs fail; the versions say so."
    )

    def terms(self, base: str | None) -> Terms:
        """As the service takes them; `base` is what the request's headers ask for."""
        if base is not None and self.base not in (None, base):
            raise InvalidInput("'base' and If-Match say different things", help="send one of them")
        if self.prune_data and not self.prune:
            raise InvalidInput("'prune_data' means nothing without 'prune'", help="send both, or none of them")
        if self.message is not None and "\0" in self.message:
            raise InvalidInput("'message' holds a NUL character", help="take it out")
        origin = Origin(commit=self.commit, dirty=self.dirty, message=self.message)
        return Terms(self.dry_run, base or self.base, self.prune, self.prune_data, self.force_tests, origin)


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


class Base(BaseModel):
    """What a project has published, in one digest."""

    base: str


class Findings(BaseModel):
    """What the compiler found."""

    diagnostics: list[dict[str, Any]]


@router.post("/validate", operation_id="validate_workspace")
async def validate_workspace(
    girih: Wired, scope: Annotated[OrgScope, requires("agents:read")], body: ValidateIn
) -> Findings:
    """Check a workspace against what this server knows. Nothing is stored, run or connected to."""
    return Findings(diagnostics=await girih.agents.validate(scope, body.files))


@router.get("", operation_id="get_workspace_base")
async def get_workspace_base(
    girih: Wired, scope: Annotated[OrgScope, requires("agents:read")], response: Response
) -> Base:
    """What the project has published, in one digest, which is its `ETag`, too."""
    base = await girih.agents.applying.standing(scope)
    response.headers.update(etag(base))
    return Base(base=base)


@router.post("/plan", operation_id="plan_workspace")
async def plan_workspace(girih: Wired, scope: Annotated[OrgScope, requires("agents:read")], body: ApplyIn) -> ApplyOut:
    """Say what publishing a workspace would change: what `apply` says with `dry_run`, for keys that may only read."""
    return await girih.agents.applying.apply(scope, body.files, replace(body.terms(None), dry_run=True))


@router.post("/apply", operation_id="apply_workspace")
async def apply_workspace(
    girih: Wired, scope: Publisher, body: ApplyIn, response: Response, if_match: IfMatch = None
) -> ApplyOut:
    """Publish a workspace, all of it or (with any error, 422 with `diagnostics`) nothing.

    `ETag` stands for what is published afterwards; `If-Match` is as `base`, but refused with 412.
    """
    if body.prune_data:
        require(scope, "knowledge:write")
    with precondition(if_match):
        done = await girih.agents.apply_on(scope, body.files, body.terms(asked(if_match)))
    response.headers.update(etag(done.base if body.dry_run else done.standing))
    return done


@router.post("/diff", operation_id="diff_agents")
async def diff_agents(girih: Wired, scope: Annotated[OrgScope, requires("agents:read")], body: DiffIn) -> ComparisonOut:
    """What one version of a graph does differently from another, piece by piece. Nothing is stored."""
    old, new = (side if isinstance(side, str) else side.side() for side in (body.old, body.new))
    return await girih.agents.comparing.compare(scope, old, new)
