"""Agents: proving and publishing workspaces, and saying what a reference means."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import NotFound
from girih.language.compiler.plan import Plan
from girih.services.agents import listing, repository
from girih.services.agents.aliases import Aliases
from girih.services.agents.applying import Applying
from girih.services.agents.comparing import Comparing
from girih.services.agents.drawing import inner_of
from girih.services.agents.finding import check_name, find, unknown
from girih.services.agents.plans import Plans
from girih.services.agents.ports import AllFacilities, Collections, Facilities
from girih.services.agents.references import parse_reference
from girih.services.agents.schemas import AgentDetail, AgentOut, ApplyOut, PublishedAgent, VersionOut
from girih.services.registry.service import RegistryService


class AgentService:
    """Publishes graphs as immutable versions and finds them again."""

    def __init__(
        self, uow: UnitOfWork, registry: RegistryService, knowledge: Collections, facilities: Facilities | None = None
    ) -> None:
        self._uow = uow
        self._plans = Plans()
        self.applying = Applying(uow, registry, knowledge, facilities or AllFacilities())
        self.comparing = Comparing(uow, registry, knowledge, self)
        self.aliases = Aliases(uow)

    async def validate(self, scope: OrgScope, files: Mapping[str, str]) -> list[dict[str, object]]:
        """See `Applying.validate`."""
        return await self.applying.validate(scope, files)

    async def apply(
        self, scope: OrgScope, files: Mapping[str, str], *, dry_run: bool = False, base: str | None = None
    ) -> ApplyOut:
        """See `Applying.apply`."""
        return await self.applying.apply(scope, files, dry_run=dry_run, base=base)

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
