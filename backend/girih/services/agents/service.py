"""Agents: proving and publishing workspaces, and saying what a reference means."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import NotFound
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.spec.diagnostics import has_errors
from girih.services.agents import listing, repository
from girih.services.agents.aliases import Aliases
from girih.services.agents.catalog import catalog_of
from girih.services.agents.comparing import Comparing
from girih.services.agents.drawing import inner_of
from girih.services.agents.files import to_workspace
from girih.services.agents.finding import check_name, find, unknown
from girih.services.agents.invalid import findings, invalid
from girih.services.agents.plans import Plans
from girih.services.agents.ports import AllFacilities, Collections, Facilities
from girih.services.agents.publish import publish, require_facilities
from girih.services.agents.references import parse_reference
from girih.services.agents.schemas import AgentDetail, AgentOut, ApplyOut, PublishedAgent, VersionOut
from girih.services.agents.standing import require, standing
from girih.services.registry.service import RegistryService


class AgentService:
    """Publishes graphs as immutable versions and finds them again."""

    def __init__(
        self, uow: UnitOfWork, registry: RegistryService, knowledge: Collections, facilities: Facilities | None = None
    ) -> None:
        self._uow = uow
        self._registry = registry
        self._collections = knowledge
        self._facilities = facilities or AllFacilities()
        self._plans = Plans()
        self.comparing = Comparing(uow, registry, knowledge, self)
        self.aliases = Aliases(uow)

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

    async def agents(self, scope: OrgScope) -> list[AgentOut]:
        """Every agent of the project, by name."""
        async with self._uow(scope) as work:
            return await listing.agents(work, scope)

    async def agent(self, scope: OrgScope, ref: str) -> AgentDetail:
        """One agent, with the contract and the text of the version that the reference means; no `@` means `latest`."""
        check_name(ref.partition("@")[0])
        reference = parse_reference(ref)
        async with self._uow(scope) as work:
            version_id = (await find(work, scope, reference)).version_id if "@" in ref else None
            found = await listing.agent(work, scope, reference.name, version_id)
            if found is None:
                raise await unknown(work, scope, reference.name)
            return found

    async def versions(self, scope: OrgScope, name: str) -> list[VersionOut]:
        """Every version of an agent, the newest first."""
        check_name(name)
        async with self._uow(scope) as work:
            found = await listing.versions(work, scope, name)
            if not found:
                raise await unknown(work, scope, name)
            return found

    async def resolve(self, scope: OrgScope, ref: str) -> PublishedAgent:
        """What `name`, `name@alias`, `name@1.2.0` or `name@sha256:…` means right now; no `@` means `latest`."""
        reference = parse_reference(ref)
        async with self._uow(scope) as work:
            found = await find(work, scope, reference)
            plan = await self._plan(work, scope, found.digest)
        return PublishedAgent(found.agent_id, found.version_id, reference.name, found.version, found.digest, plan)

    async def plan(self, scope: OrgScope, digest: str) -> Plan:
        """The plan of that digest, if a version of the project has it."""
        known = self._plans.find(scope, digest)
        if known is not None:
            return known
        async with self._uow(scope) as work:
            return await self._plan(work, scope, digest)

    async def inner_plans(self, scope: OrgScope, plan: Plan, depth: int) -> dict[str, Plan]:
        """The plans of the graphs inside of that one, to that depth, by digest; of those that are still published."""
        found: dict[str, Plan] = {}
        wanted = {inner.digest for inner in inner_of(plan)} if depth > 0 else set()
        for digest in sorted(wanted):
            with suppress(NotFound):
                child = await self.plan(scope, digest)
                found |= {digest: child} | await self.inner_plans(scope, child, depth - 1)
        return found

    async def _plan(self, work: Work, scope: OrgScope, digest: str) -> Plan:
        known = self._plans.find(scope, digest)
        if known is not None:
            return known
        document = await repository.plan(work, scope, digest)
        if document is None:
            raise NotFound(f"no published graph has the digest `{digest}`", help="publish the graph again")
        return self._plans.keep(scope, Plan.model_validate(document))
