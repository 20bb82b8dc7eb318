"""Versions taken off the shelf, collected when nothing refers to them, and everything read back as files."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.shelf.schemas import (
    CollectIn,
    CollectionOut,
    DeprecateIn,
    MarkIn,
    MarkOut,
    ShelvedOut,
    WorkspaceOut,
    YankIn,
)

router = Router(prefix="/agents", tags=["agents"], route_class=GuardedRoute)
workspace = Router(prefix="/workspace", tags=["workspace"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("agents:read")]
Publisher = Annotated[OrgScope, requires("agents:publish")]


@router.post("/gc", operation_id="collect_versions")
async def collect_versions(girih: Wired, scope: Publisher, body: CollectIn) -> CollectionOut:
    """Empty the versions whose time is over and that nothing refers to; with `dry_run` only say which, and why."""
    return await girih.shelf.collecting.collect(scope, dry_run=body.dry_run)


@router.post("/{name}/versions/{version}/deprecate", operation_id="deprecate_version")
async def deprecate_version(girih: Wired, scope: Publisher, name: str, version: str, body: DeprecateIn) -> ShelvedOut:
    """Say that a version should be used no more. It goes on running, with a warning."""
    return await girih.shelf.marking.deprecate(scope, name, version, body)


@router.post("/{name}/versions/{version}/yank", operation_id="yank_version")
async def yank_version(girih: Wired, scope: Publisher, name: str, version: str, body: YankIn) -> ShelvedOut:
    """Let no range, no `latest` and no new graph mean a version; an exact reference goes on meaning it."""
    return await girih.shelf.marking.yank(scope, name, version, body)


@router.post("/{name}/versions/{version}/restore", operation_id="restore_version")
async def restore_version(girih: Wired, scope: Publisher, name: str, version: str, body: MarkIn) -> ShelvedOut:
    """Take back that a version is deprecated or yanked."""
    return await girih.shelf.marking.restore(scope, name, version, body)


@router.get("/{name}/versions/{version}/marks", operation_id="list_marks")
async def list_marks(girih: Wired, scope: Reader, name: str, version: str) -> Page[MarkOut]:
    """All that was said of a version, the newest first: by whom, when and why."""
    return Page(items=await girih.shelf.marking.history(scope, name, version))


@workspace.get("/files", operation_id="read_workspace")
async def read_workspace(
    girih: Wired,
    scope: Reader,
    alias: Annotated[str, Query(min_length=1, max_length=64, description="Whose versions of agents.")] = "latest",
    texts: Annotated[bool, Query(description="Whether with their texts.")] = True,
) -> WorkspaceOut:
    """All that is published, with the texts it was applied from, where these are known."""
    return await girih.shelf.workspace.read(scope, alias, texts_too=texts)
