"""What a change to published specs means to what goes on: runs, threads, schedules, callers, documents, costs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from girih.db.unit_of_work import Work
from girih.language.compiler.diff import Break, breaks
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Catalog
from girih.language.spec.tree import JsonObject
from girih.services.agents import effects_repository as repository
from girih.services.agents.dependents import Dependents, OpenRuns
from girih.services.agents.effects_repository import Calling
from girih.services.agents.ports import Collections
from girih.services.agents.schemas import CallerOut, Change, CostOut, EffectsOut, OpenRunsOut, PriceOut
from girih.services.registry.service import RegistryService

_COLLECTION, _GRAPH = "collection/v1", "graph/v1"
_LIMITS = ("max_tokens", "max_completion_tokens")

Models: TypeAlias = Mapping[str, JsonObject]
"""What models answer, by name."""


class Effects:
    """Counts what a change touches, inside the transaction that makes it."""

    def __init__(self, registry: RegistryService, collections: Collections, dependents: Dependents) -> None:
        self._registry = registry
        self._collections = collections
        self._dependents = dependents

    async def models(self, work: Work) -> Models:
        """What models answer now: asked before anything is stored, and again after it."""
        return await self._registry.effective(work)

    async def tell(
        self, work: Work, changes: Sequence[Change], compilation: Compilation, catalog: Catalog, before: Models
    ) -> None:
        """Write the effects into the changes: of graphs that were there, of new ones what they cost, of collections."""
        graphs = {change.name: change for change in changes if change.kind == _GRAPH and change.action != "unchanged"}
        if graphs:
            await self._tell_of_graphs(work, graphs, compilation)
            await self._tell_costs(work, graphs, compilation, catalog, before)
        await self._tell_of_collections(work, changes)

    async def _tell_of_graphs(self, work: Work, graphs: Mapping[str, Change], compilation: Compilation) -> None:
        names = graphs.keys()
        aliases = await repository.aliases(work, work.speaks_for, names)
        threads = await self._dependents.threads(work, names)
        schedules = await self._dependents.schedules(work, names)
        runs = await self._dependents.open_runs(work, names)
        callers = await self._callers(work, names, compilation)
        for name, change in graphs.items():
            change.effects = EffectsOut(
                runs=[_open(one) for one in runs if one.agent == name],
                threads=threads.get(name, 0),
                schedules=[one.name for one in schedules if one.ref.partition("@")[0] == name],
                callers=callers.get(name, []),
                aliases=aliases.get(name, {}),
            )

    async def _callers(
        self, work: Work, names: Collection[str], compilation: Compilation
    ) -> dict[str, list[CallerOut]]:
        """Who calls these graphs as published, which of their versions, and what of that is no longer so."""
        callings = await repository.callings(work, work.speaks_for, names)
        called = await repository.plans(work, work.speaks_for, {one.digest for one in callings})
        found: dict[str, list[CallerOut]] = {}
        for one in callings:
            after, known = compilation.plans.get(one.name), called.get(one.digest)
            broken = list(breaks(known.plan, after)) if after is not None and known is not None else []
            if after is None or one.digest != after.digest:
                found.setdefault(one.name, []).append(_caller(one, known.version if known else None, broken))
        return found

    async def _tell_costs(
        self,
        work: Work,
        graphs: Mapping[str, Change],
        compilation: Compilation,
        catalog: Catalog,
        before: Models,
    ) -> None:
        now = await self._registry.effective(work)
        for name, change in graphs.items():
            if change.effects is None or change.action == "delete":
                continue
            known = catalog.published.get(name)
            change.effects.cost_before = _cost(known.plan, before) if known is not None else None
            change.effects.cost_after = _cost(compilation.plans[name], now)

    async def _tell_of_collections(self, work: Work, changes: Sequence[Change]) -> None:
        """How many documents are indexed anew."""
        updated = [change for change in changes if change.kind == _COLLECTION and change.action == "update"]
        if updated:
            names = [change.name for change in updated]
            documents = await self._collections.collection_documents(work, names, building=True)
            for change in updated:
                change.effects = EffectsOut(documents=documents.get(change.name, 0))


def _open(one: OpenRuns) -> OpenRunsOut:
    return OpenRunsOut.model_validate({"version": one.version, "status": one.status, "count": one.count})


def _caller(one: Calling, calls: str | None, broken: Sequence[Break]) -> CallerOut:
    return CallerOut(name=one.caller, version=one.version, calls=calls, breaks=[found.message for found in broken])


def _cost(plan: Plan, models: Models) -> CostOut:
    nodes = [node for node in plan.nodes if node.settings.get("models")]
    named = sorted({str(name) for node in nodes for name in node.settings["models"]})
    most = [_most(node.settings, models) for node in nodes]
    return CostOut(
        models={name: _price(models.get(name)) for name in named},
        model_nodes=len(nodes),
        max_tokens=sum(one for one in most if one is not None) if nodes and None not in most else None,
    )


def _most(settings: JsonObject, models: Models) -> int | None:
    """The most tokens that one call of a node may answer with; `None` where nothing bounds it."""
    own = settings.get("params") or {}
    shared = [(models.get(str(name)) or {}).get("params") or {} for name in settings["models"]]
    bounds = [_bound({**params, **own}) for params in shared]
    return max(one for one in bounds if one is not None) if None not in bounds else None


def _bound(params: JsonObject) -> int | None:
    found = [params[key] for key in _LIMITS if isinstance(params.get(key), int)]
    return min(found) if found else None


def _price(document: JsonObject | None) -> PriceOut | None:
    price = (document or {}).get("price")
    return PriceOut(input=price["input_per_million"], output=price["output_per_million"]) if price else None
