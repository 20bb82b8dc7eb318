"""Publishing a proven workspace, inside one transaction: what graphs name before them, pipelines before collections."""

from __future__ import annotations

from collections.abc import Mapping

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import Conflict
from girih.language.comparing.changes import compare
from girih.language.compiler.diff import Verdict
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.base import Facility
from girih.language.nodes.registry import kinds
from girih.services.agents import alias_repository, repository
from girih.services.agents.ports import Collections, Facilities
from girih.services.agents.references import FIRST, LATEST, PROD, next_version
from girih.services.agents.schemas import Change, DifferenceOut
from girih.services.agents.tables import AgentVersion
from girih.services.pipelines import publishing as pipelines
from girih.services.registry.schemas import Action
from girih.services.registry.service import RegistryService

_COLLECTION = "collection/v1"
_GRAPH = "graph/v1"
_NAMED = 3
"""How many nodes are named that cannot run here."""


async def require_facilities(facilities: Facilities, compilation: Compilation) -> None:
    """Raises `Conflict` for a node that cannot run here, whatever it is given."""
    known = kinds()
    needed: dict[Facility, list[str]] = {}
    for plan in compilation.plans.values():
        for node in plan.nodes:
            for facility in sorted(known[node.verb].requires):
                needed.setdefault(facility, []).append(f"`{node.name}` of `{plan.name}`")
    for facility, nodes in needed.items():
        remedy = await facilities.remedy(facility)
        if remedy is None:
            continue
        named = ", ".join(nodes[:_NAMED]) + (f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else "")
        raise Conflict(
            f"this server has no {facility}, which {named} cannot run without; nothing was published",
            help=remedy,
            missing=facility,
        )


async def publish(
    work: Work, registry: RegistryService, collections: Collections, compilation: Compilation, files: Mapping[str, str]
) -> list[Change]:
    """Store everything in the compilation; returns what changed. `files` holds the texts the graphs came from."""
    changes = await _publish_others(work, registry, collections, compilation)
    known = await repository.latest(work, work.speaks_for, compilation.plans.keys())
    for name, plan in compilation.plans.items():
        path = compilation.sources[name]
        changes.append(await _publish_graph(work, known.get(name), plan, path, files[path]))
    return changes


async def _publish_others(
    work: Work, registry: RegistryService, collections: Collections, compilation: Compilation
) -> list[Change]:
    mine = [spec for spec in compilation.others if spec.kind == _COLLECTION]
    actions = await registry.put(work, compilation.others)
    published = await pipelines.put(work, compilation.others)
    actions |= {(pipelines.KIND, name): put.action for name, put in published.items()}
    if mine:
        done = await collections.put_collections(work, mine)
        actions |= {(_COLLECTION, name): action for name, action in done.items()}
    versions = {(pipelines.KIND, name): put.version for name, put in published.items()}
    return [_change_of(spec, actions[spec.kind, spec.name], versions) for spec in compilation.others]


async def _publish_graph(work: Work, known: AgentVersion | None, plan: Plan, path: str, source: str) -> Change:
    """Add a version, unless the latest one has the same digest: then the graph means what it meant before."""
    if known is not None and known.digest == plan.digest:
        return _change_of_graph(plan, path, "unchanged", known.version)
    scope = work.speaks_for
    agent_id = known.agent_id if known else await repository.add_agent(work, scope, plan.name)
    before = Plan.model_validate(known.plan) if known else None
    found = compare(before, plan) if before else None
    version = _version_after(known, scope, plan, found.verdict if found else None)
    version.agent_id, version.path, version.source = agent_id, path, source
    await repository.add_version(work, version)
    await alias_repository.point(work, scope, agent_id, LATEST, version.id)
    if known is None:
        await alias_repository.move(work, scope, agent_id, PROD, version.id, "set")
    change = _change_of_graph(plan, path, "update" if known else "create", version.version)
    if known is not None and found is not None:
        change.previous, change.difference = known.version, DifferenceOut(**found.as_dict())
    return change


def _version_after(known: AgentVersion | None, scope: OrgScope, plan: Plan, weight: Verdict | None) -> AgentVersion:
    return AgentVersion(
        id=new_id(),
        org_id=scope.org_id,
        project_id=scope.project_id,
        number=known.number + 1 if known else 1,
        version=next_version(known.version, weight or "patch") if known else FIRST,
        digest=plan.digest,
        plan=plan.model_dump(mode="json"),
        created_by=scope.actor,
    )


def _change_of(spec: OtherSpec, action: Action, versions: Mapping[tuple[str, str], str]) -> Change:
    named = {"kind": spec.kind, "name": spec.name, "digest": spec.digest, "path": spec.path}
    return Change(**named, action=action, version=versions.get((spec.kind, spec.name)))


def _change_of_graph(plan: Plan, path: str, action: Action, version: str) -> Change:
    return Change(kind=_GRAPH, name=plan.name, action=action, version=version, digest=plan.digest, path=path)
