"""The row of a new version: its number, what its references were resolved to, and where it came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from girih.db.base import new_id
from girih.db.unit_of_work import Work
from girih.language.compiler.pipeline import Compilation
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Published
from girih.services.agents import lock_repository
from girih.services.agents.lock_repository import Counted
from girih.services.agents.locks import Locks
from girih.services.agents.ports import Collections
from girih.services.agents.tables import AgentVersion
from girih.services.registry.schemas import Origin
from girih.services.registry.service import RegistryService

_GRAPH = "graph/v1"


async def published(work: Work, names: Collection[str]) -> dict[str, Published]:
    """The latest version of each of these agents and the numbers above it; retired ones go on from there, too."""
    latest = await lock_repository.latest(work, work.speaks_for, names)
    counted = await lock_repository.counted(work, work.speaks_for, latest.keys())
    return {
        name: Published(row.version, row.digest, partial(Plan.model_validate_json, row.plan), counted[name].above)
        for name, row in latest.items()
    }


@dataclass(frozen=True)
class Numbering:
    """Makes the rows of one apply."""

    versions: Mapping[tuple[str, str], str]
    counted: Mapping[str, Counted]
    locks: Locks
    origin: Origin

    @classmethod
    async def of(
        cls,
        work: Work,
        registry: RegistryService,
        collections: Collections,
        compilation: Compilation,
        origin: Origin,
    ) -> Numbering:
        """All that the rows of these graphs need, once what they name is stored, inside a transaction of the caller."""
        plans = compilation.plans
        counted = await lock_repository.counted(work, work.speaks_for, plans.keys())
        locks = await Locks.of(work, registry, collections, plans.values())
        return cls(compilation.versions, counted, locks, origin)

    def keep(self, plan: Plan, version: str) -> None:
        """Let the graphs that come after know one that stays the version it is."""
        self.locks.take(plan, version)

    def row(self, work: Work, plan: Plan) -> AgentVersion:
        """A version of its own for this graph; whose it is and what it was written as is still to be said."""
        scope, version = work.speaks_for, self.versions[_GRAPH, plan.name]
        known = self.counted.get(plan.name)
        return AgentVersion(
            id=new_id(),
            org_id=scope.org_id,
            project_id=scope.project_id,
            number=known.number + 1 if known else 1,
            version=version,
            digest=plan.digest,
            plan=plan.model_dump(mode="json"),
            lock=self.locks.take(plan, version),
            created_by=scope.actor,
            **self.origin.columns,
        )
