"""Agents: proving and publishing workspaces, and saying what a reference means."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import NotFound
from girih.language.compiler.plan import Plan
from girih.services.agents import listing, repository
from girih.services.agents.aliases import Aliases
from girih.services.agents.applying import Applying
from girih.services.agents.changing import Changes
from girih.services.agents.comparing import Comparing
from girih.services.agents.cursors import name_of, number_of
from girih.services.agents.dependents import Dependents, NoDependents
from girih.services.agents.drawing import inner_of
from girih.services.agents.exporting import Exporting
from girih.services.agents.finding import check_name, find, unknown
from girih.services.agents.gate_schemas import ImportOut
from girih.services.agents.gates import Gate, Trials
from girih.services.agents.guarding import Guarding
from girih.services.agents.importing import Importing, Trust
from girih.services.agents.kept import Kept
from girih.services.agents.marking import ShelfService
from girih.services.agents.meanings import Meanings
from girih.services.agents.plans import Plans
from girih.services.agents.ports import AllFacilities, Collections, Facilities, Silent, Tells
from girih.services.agents.proposals import Proposals
from girih.services.agents.protections import Protections
from girih.services.agents.references import parse_reference
from girih.services.agents.schemas import AgentDetail, AgentOut, ApplyOut, PublishedAgent, VersionOut
from girih.services.agents.signing import Signing
from girih.services.agents.terms import CrashPoints, Terms
from girih.services.registry.service import RegistryService


class AgentService:
    """Publishes graphs as immutable versions and finds them again."""

    def __init__(
        self,
        uow: UnitOfWork,
        registry: RegistryService,
        knowledge: Collections,
        facilities: Facilities | None = None,
        dependents: Dependents | None = None,
        trials: Trials | None = None,
        signing: Signing | None = None,
        tells: Tells | None = None,
        *,
        crash_points: bool = False,
    ) -> None:
        self._uow = uow
        self._plans = Plans()
        self.signing = signing or Signing(uow, None)
        self.applying = Applying(
            uow,
            registry,
            knowledge,
            facilities or AllFacilities(),
            dependents or NoDependents(),
            Gate(uow, registry, trials, self.plan),
            self.signing,
            CrashPoints(enabled=crash_points),
        )
        self.exporting = Exporting(uow, registry)
        self.importing = Importing(uow, registry, knowledge, facilities or AllFacilities(), self.signing)
        self.kept = Kept(uow, registry, knowledge)
        self.comparing = Comparing(uow, registry, knowledge, self)
        self.meanings = Meanings(uow, self.plan)
        changes = Changes(uow, tells or Silent(), self.meanings)
        self.marking = ShelfService(uow, changes)
        self.aliases, self.guarding = Aliases(uow, changes), Guarding(changes)
        self.proposals, self.protections = Proposals(uow, changes), Protections(uow, changes)

    async def validate(self, scope: OrgScope, files: Mapping[str, str]) -> list[dict[str, object]]:
        """See `Applying.validate`."""
        return await self.applying.validate(scope, files)

    async def apply(
        self,
        scope: OrgScope,
        files: Mapping[str, str],
        *,
        dry_run: bool = False,
        base: str | None = None,
        prune: bool = False,
        prune_data: bool = False,
    ) -> ApplyOut:
        """See `Applying.apply`."""
        return await self.apply_on(scope, files, Terms(dry_run, base, prune, prune_data))

    async def apply_on(self, scope: OrgScope, files: Mapping[str, str], terms: Terms) -> ApplyOut:
        """See `Applying.apply`."""
        done = await self.applying.apply(scope, files, terms)
        self.meanings.changed(scope.project_id)
        return done

    async def take(self, scope: OrgScope, bundle: bytes, trust: Trust, *, dry_run: bool = False) -> ImportOut:
        """See `Importing.take`."""
        done = await self.importing.take(scope, bundle, trust, dry_run=dry_run)
        self.meanings.changed(scope.project_id)
        return done

    async def agents(self, scope: OrgScope) -> list[AgentOut]:
        """Every agent of the project, by name."""
        async with self._uow(scope) as work:
            return await listing.agents(work, scope)

    async def agents_page(
        self, scope: OrgScope, *, cursor: str | None, limit: int
    ) -> tuple[list[AgentOut], str | None]:
        """So many agents by name, and the cursor of the next page. Raises `BadCursor`."""
        async with self._uow(scope) as work:
            found = await listing.agents(work, scope, after=name_of(cursor), limit=limit + 1)
        return found[:limit], found[limit - 1].name if len(found) > limit else None

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

    async def versions_page(
        self, scope: OrgScope, name: str, *, cursor: str | None, limit: int
    ) -> tuple[list[VersionOut], str | None]:
        """So many versions of an agent, the newest first, and the cursor of the next page. Raises `BadCursor`."""
        check_name(name)
        before = number_of(cursor)
        async with self._uow(scope) as work:
            found = await listing.versions(work, scope, name, before=before, limit=limit + 1)
            if not found and before is None:
                raise await unknown(work, scope, name)
        return found[:limit], str(found[limit - 1].number) if len(found) > limit else None

    async def resolve(self, scope: OrgScope, ref: str) -> PublishedAgent:
        """What `name@alias`, `name@1.2.0`, `name@^1` or `name@sha256:…` means right now; no `@` means `latest`."""
        return await self.meanings.agent(scope, ref)

    async def pick(self, scope: OrgScope, ref: str, key: str | None, keeps: UUID | None = None) -> PublishedAgent:
        """See `Meanings.pick`: `resolve` for one caller, where an alias shares its traffic out."""
        return await self.meanings.pick(scope, ref, key, keeps)

    def forget(self, scope: OrgScope, ref: str) -> None:
        """Look the reference up the next time."""
        self.meanings.forget(scope, ref)

    def changed(self, project_id: UUID | None) -> None:
        """References of the project may mean something else by now; without one, those of any may."""
        self.meanings.changed(project_id)

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
