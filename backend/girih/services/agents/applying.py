"""Applying a workspace: all of it or nothing, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.compiler.pipeline import Compilation, compile_workspace
from girih.language.compiler.workspace import Catalog, Workspace
from girih.language.spec.diagnostics import Diagnostic, has_errors
from girih.services.agents import repository
from girih.services.agents.bound_secrets import require_bound_secrets
from girih.services.agents.catalog import catalog_of
from girih.services.agents.dependents import Dependents
from girih.services.agents.effects import Effects
from girih.services.agents.files import to_workspace
from girih.services.agents.gates import Gate
from girih.services.agents.invalid import findings, invalid
from girih.services.agents.numbering import Numbering
from girih.services.agents.plugins import require_plugins
from girih.services.agents.ports import Collections, Facilities
from girih.services.agents.pruning import Pruning, bring_back, restored, retire_again
from girih.services.agents.publish import publish_documents, publish_graphs, require_facilities
from girih.services.agents.refusals import placed
from girih.services.agents.rehearsed import Rehearsed
from girih.services.agents.rehearsing import Rehearsal
from girih.services.agents.schemas import ApplyOut, Change
from girih.services.agents.seals import Seals
from girih.services.agents.signing import Signing
from girih.services.agents.standing import stale_base, standing
from girih.services.agents.terms import CrashPoints, Terms
from girih.services.audit.service import record
from girih.services.registry.service import RegistryService
from girih.services.shelf import text_repository as texts


class Applying:
    """Proves workspaces and publishes them."""

    def __init__(
        self,
        uow: UnitOfWork,
        registry: RegistryService,
        collections: Collections,
        facilities: Facilities,
        dependents: Dependents,
        gate: Gate,
        signing: Signing,
        crash: CrashPoints,
    ) -> None:
        self._uow = uow
        self._registry = registry
        self._collections = collections
        self._facilities = facilities
        self._rehearsal = Rehearsal(uow, registry, collections, facilities, gate)
        self._signing = signing
        self._pruning = Pruning(registry, collections, dependents)
        self._effects = Effects(registry, collections, dependents)
        self._crash = crash

    async def standing(self, scope: OrgScope) -> str:
        """What the project has published, in one digest: the `base` of an apply."""
        async with self._uow(scope) as work:
            return await standing(work, self._registry, self._collections)

    async def validate(self, scope: OrgScope, files: Mapping[str, str]) -> list[dict[str, object]]:
        """What the compiler finds in the workspace, beside what the project has published. Changes nothing."""
        workspace = to_workspace(files)
        async with self._uow(scope) as work:
            catalog = await catalog_of(work, self._registry, self._collections, workspace)
        return findings(await asyncio.to_thread(compile_workspace, workspace, catalog))

    async def apply(self, scope: OrgScope, files: Mapping[str, str], terms: Terms = Terms()) -> ApplyOut:  # noqa: B008 - immutable
        """Publish every spec of the workspace, or none: with any error, `SpecInvalid` carries all findings.

        A graph whose meaning did not change keeps its version; another one gets the next semantic version, by what the
        change means to its callers. `dry_run` does the same and then takes it back.

        Raises `Conflict` where the project no longer stands as `base` says, with the plan of what would change now;
        for a graph with a node that needs what this server lacks; and for what cannot be pruned.
        """
        workspace = to_workspace(files)
        rehearsed = await self._rehearsal.of(scope, workspace, terms.base, forced=terms.force_tests)
        async with self._uow(scope) as work:
            await repository.lock_project(work, scope)
            self._crash.here("apply.held")
            now = await standing(work, self._registry, self._collections)
            terms = terms if terms.base in (None, now) else replace(terms, dry_run=True)
            done = await self._done(work, workspace, rehearsed, terms, now)
            await _written_down(work, done, terms)
            if terms.dry_run:
                work.discard()
        self._crash.here("apply.committed")
        if terms.base not in (None, now):
            raise stale_base(now, done)
        return done

    async def _done(self, work: Work, workspace: Workspace, rehearsed: Rehearsed, terms: Terms, now: str) -> ApplyOut:
        """Prove and publish inside the transaction, which may still be given up."""
        back = await bring_back(work, workspace)
        catalog = await catalog_of(work, self._registry, self._collections, workspace)
        compilation = await rehearsed.compilation(workspace, catalog)
        if has_errors(compilation.diagnostics):
            raise invalid(compilation, "nothing was published") if terms.base in (None, now) else stale_base(now)
        await retire_again(work, back, compilation)
        self._crash.here("apply.proven")
        with placed(compilation):
            await require_facilities(self._facilities, compilation)
            await require_plugins(self._facilities, (spec.document for spec in compilation.others))
            await require_bound_secrets(work, [spec.document for spec in compilation.others])
            failing: list[Diagnostic] = []
            if terms.base in (None, now):
                known = await repository.digests(work, work.speaks_for)
                failing = rehearsed.proof.require(compilation, known, dry_run=terms.dry_run)
            changes = await self._publish(work, compilation, catalog, Seals(self._signing, rehearsed), workspace, terms)
        restored(changes, back)
        found = findings(compilation) + [one.as_dict() for one in failing]
        after = await standing(work, self._registry, self._collections)
        return ApplyOut(changes=changes, diagnostics=found, base=now, standing=after)

    async def _publish(
        self,
        work: Work,
        compilation: Compilation,
        catalog: Catalog,
        seals: Seals,
        workspace: Workspace,
        terms: Terms,
    ) -> list[Change]:
        before = await self._effects.models(work)
        changes = await publish_documents(work, self._registry, self._collections, compilation, terms.origin)
        self._crash.here("apply.documents")
        numbering = await Numbering.of(work, self._registry, self._collections, compilation, terms.origin)
        changes += await publish_graphs(work, compilation, workspace.files, numbering, seals)
        if not terms.dry_run:
            await texts.keep(work, compilation, workspace.files)
        self._crash.here("apply.graphs")
        if terms.prune:
            changes += await self._pruning.prune(work, compilation, data=terms.prune_data)
        self._crash.here("apply.pruned")
        await self._effects.tell(work, changes, compilation, catalog, before)
        self._crash.here("apply.told")
        return changes


async def _written_down(work: Work, done: ApplyOut, terms: Terms) -> None:
    """Note in the audit log what an apply changed; one that changed nothing, or is dry, is no entry."""
    changed = [
        {"action": change.action, "kind": change.kind, "name": change.name, "version": change.version}
        for change in done.changes
        if change.action != "unchanged"
    ]
    if changed and not terms.dry_run:
        target = f"project:{work.speaks_for.project_id}"
        forced = terms.force_tests or None
        await record(work, "workspace.applied", target, changes=changed, commit=terms.origin.commit, forced=forced)
