"""What happens before a workspace is published: it is compiled, and the tests of what changes are run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec.diagnostics import has_errors
from girih.services.agents.catalog import catalog_of
from girih.services.agents.gates import Gate, Proof
from girih.services.agents.ports import Collections, Facilities
from girih.services.agents.publish import require_facilities
from girih.services.agents.refusals import placed
from girih.services.agents.rehearsed import Rehearsed
from girih.services.agents.standing import standing
from girih.services.registry.service import RegistryService


class Rehearsal:
    """Compiles and tests, with no transaction open meanwhile."""

    def __init__(
        self,
        uow: UnitOfWork,
        registry: RegistryService,
        collections: Collections,
        facilities: Facilities,
        gate: Gate,
    ) -> None:
        self._uow = uow
        self._registry = registry
        self._collections = collections
        self._facilities = facilities
        self._gate = gate

    async def of(self, scope: OrgScope, workspace: Workspace, base: str | None, *, forced: bool) -> Rehearsed:
        """Run the tests that stand in the workspace. Where there are none, nothing is done.

        Nor where the project no longer stands as `base` says: the apply will be refused. Raises `Conflict` for a graph
        that could never run here.
        """
        version = self._gate.version
        if version is None or not _has_tests(workspace.files):
            return Rehearsed(Proof(forced=forced, ran=version is not None), version=version)
        async with self._uow(scope) as work:
            if base not in (None, await standing(work, self._registry, self._collections)):
                return Rehearsed(Proof(forced=forced, ran=version is not None), version=version)
            catalog = await catalog_of(work, self._registry, self._collections, workspace)
        made = await asyncio.to_thread(compile_workspace, workspace, catalog)
        if not has_errors(made.diagnostics):
            with placed(made):
                await require_facilities(self._facilities, made)
        proof = await self._gate.prove(scope, workspace, made, forced=forced)
        return Rehearsed(proof, catalog, made, version)


def _has_tests(files: Mapping[str, str]) -> bool:
    """Whether a text may hold tests, as far as that can be seen without reading it."""
    return any("tests" in text for text in files.values())
