"""Publishing a proven workspace, inside one transaction: what graphs name before them, pipelines before collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from girih.db.unit_of_work import Work
from girih.errors import SpecRefused
from girih.language.comparing.changes import compare
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.base import Facility
from girih.language.nodes.registry import kinds
from girih.services.agents import alias_repository, protection_repository, repository
from girih.services.agents.numbering import Numbering
from girih.services.agents.ports import Collections, Facilities
from girih.services.agents.references import LATEST, PROD
from girih.services.agents.schemas import Change, DifferenceOut
from girih.services.agents.seals import Seals
from girih.services.agents.tables import AgentVersion
from girih.services.agents.trial_reports import report_from
from girih.services.pipelines import publishing as pipelines
from girih.services.registry.schemas import Action, Origin
from girih.services.registry.service import RegistryService

_COLLECTION = "collection/v1"
_GRAPH = "graph/v1"
_NAMED = 3
"""How many nodes are named that cannot run here."""


async def require_facilities(facilities: Facilities, compilation: Compilation) -> None:
    """Raises `Conflict` for a node that cannot run here, whatever it is given."""
    known = kinds()
    needed: dict[Facility, list[tuple[str, str]]] = {}
    for plan in compilation.plans.values():
        for node in plan.nodes:
            for facility in sorted(known[node.verb].requires):
                needed.setdefault(facility, []).append((plan.name, node.name))
    for facility, nodes in needed.items():
        remedy = await facilities.remedy(facility)
        if remedy is None:
            continue
        named = ", ".join(f"`{node}` of `{graph}`" for graph, node in nodes[:_NAMED])
        named += f" and {len(nodes) - _NAMED} more" if len(nodes) > _NAMED else ""
        raise SpecRefused(
            f"this server has no {facility}, which {named} cannot run without; nothing was published",
            [(_GRAPH, graph, ("nodes", node)) for graph, node in nodes],
            help=remedy,
            missing=facility,
        )


async def publish_graphs(
    work: Work, compilation: Compilation, files: Mapping[str, str], numbering: Numbering, seals: Seals
) -> list[Change]:
    """Store every graph in the compilation; returns what changed. `files` holds the texts they came from."""
    heads = await repository.heads(work, work.speaks_for)
    differs = [name for name, plan in compilation.plans.items() if name not in heads or heads[name][1] != plan.digest]
    # Of most graphs of a large workspace nothing has changed: their plans are not read.
    known = await repository.latest(work, work.speaks_for, differs)
    changes: list[Change] = []
    made: dict[str, AgentVersion] = {}
    for name, plan in compilation.plans.items():
        path = compilation.sources[name]
        if name in heads and heads[name][1] == plan.digest:
            numbering.keep(plan, heads[name][0])
            changes.append(_change_of_graph(plan, path, "unchanged", heads[name][0]))
            continue
        made[name] = version = numbering.row(work, plan)
        version.path, version.source = path, files[path]
        version.agent_id = (
            known[name].agent_id if name in known else await repository.add_agent(work, work.speaks_for, name)
        )
        await seals.put(work, name, version)
        changes.append(_change_to(known.get(name), plan, version))
    await _store(work, list(made.values()), [made[name] for name in made if name not in known])
    return changes


async def publish_documents(
    work: Work, registry: RegistryService, collections: Collections, compilation: Compilation, origin: Origin
) -> list[Change]:
    """Store every other spec in the compilation; returns what changed."""
    mine = [spec for spec in compilation.others if spec.kind == _COLLECTION]
    actions = await registry.put(work, compilation.others)
    published = await pipelines.put(work, compilation.others, origin)
    actions |= {(pipelines.KIND, name): put.action for name, put in published.items()}
    if mine:
        done = await collections.put_collections(work, mine)
        actions |= {(_COLLECTION, name): action for name, action in done.items()}
    versions = {(pipelines.KIND, name): put.version for name, put in published.items()}
    return [_change_of(spec, actions[spec.kind, spec.name], versions) for spec in compilation.others]


async def _store(work: Work, versions: Sequence[AgentVersion], first: Sequence[AgentVersion]) -> None:
    """Add versions, lead `latest` to them, and `prod` to those that are their agents' first ones."""
    scope = work.speaks_for
    await repository.add_versions(work, versions)
    await alias_repository.point_each(work, scope, LATEST, {version.agent_id: version.id for version in versions})
    for version in first:
        if not await protection_repository.covers(work, scope, version.agent_id, PROD):
            await alias_repository.move(work, scope, version.agent_id, PROD, version.id, "set")


def _change_to(known: AgentVersion | None, plan: Plan, version: AgentVersion) -> Change:
    """What a version changes that comes after the latest one, which has another digest."""
    change = _change_of_graph(plan, version.path, "update" if known else "create", version.version)
    change.report, change.forced = report_from(version.report), version.forced
    if known is not None:
        found = compare(Plan.model_validate(known.plan), plan)
        change.previous, change.difference = known.version, DifferenceOut(**found.as_dict())
    return change


def _change_of(spec: OtherSpec, action: Action, versions: Mapping[tuple[str, str], str]) -> Change:
    named = {"kind": spec.kind, "name": spec.name, "digest": spec.digest, "path": spec.path}
    return Change(**named, action=action, version=versions.get((spec.kind, spec.name)))


def _change_of_graph(plan: Plan, path: str, action: Action, version: str) -> Change:
    return Change(kind=_GRAPH, name=plan.name, action=action, version=version, digest=plan.digest, path=path)
