"""Applying a workspace: all of it or nothing, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.pipeline import compile_workspace
from girih.language.spec.diagnostics import has_errors
from girih.services.agents import repository
from girih.services.agents.catalog import catalog_of
from girih.services.agents.files import to_workspace
from girih.services.agents.invalid import findings, invalid
from girih.services.agents.ports import Collections, Facilities
from girih.services.agents.publish import publish, require_facilities
from girih.services.agents.schemas import ApplyOut
from girih.services.agents.standing import require, standing
from girih.services.registry.service import RegistryService


class Applying:
    """Proves workspaces and publishes them."""

    def __init__(
        self, uow: UnitOfWork, registry: RegistryService, collections: Collections, facilities: Facilities
    ) -> None:
        self._uow = uow
        self._registry = registry
        self._collections = collections
        self._facilities = facilities

    async def validate(self, scope: OrgScope, files: Mapping[str, str]) -> list[dict[str, object]]:
        """What the compiler finds in the workspace, beside what the project has published. Changes nothing."""
        workspace = to_workspace(files)
        async with self._uow(scope) as work:
            catalog = await catalog_of(work, self._registry, self._collections, workspace)
        return findings(await asyncio.to_thread(compile_workspace, workspace, catalog))

    async def apply(
        self, scope: OrgScope, files: Mapping[str, str], *, dry_run: bool = False, base: str | None = None
    ) -> ApplyOut:
        """Publish every spec of the workspace, or none: with any error, `SpecInvalid` carries all findings.

        A graph whose meaning did not change keeps its version; another one gets the next semantic version, by what the
        change means to its callers. `dry_run` does the same and then takes it back.

        Raises `Conflict` where the project no longer stands as `base` says, and for a graph with a node that needs what
        this server lacks.
        """
        workspace = to_workspace(files)
        async with self._uow(scope) as work:
            await repository.lock_project(work, scope)
            now = await standing(work, self._registry, self._collections)
            require(base, now)
            catalog = await catalog_of(work, self._registry, self._collections, workspace)
            compilation = await asyncio.to_thread(compile_workspace, workspace, catalog)
            if has_errors(compilation.diagnostics):
                raise invalid(compilation, "nothing was published")
            await require_facilities(self._facilities, compilation)
            changes = await publish(work, self._registry, self._collections, compilation, workspace.files)
            if dry_run:
                work.discard()
        return ApplyOut(changes=changes, diagnostics=findings(compilation), base=now)
