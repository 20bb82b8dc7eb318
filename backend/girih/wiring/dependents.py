"""What goes on with what is published: runs, threads, schedules and data stores, for whoever plans a change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from girih.db.unit_of_work import Work
from girih.services.agents.dependents import OpenRuns, Scheduled
from girih.services.runs import dependent_repository as runs
from girih.services.schedules import repository as schedules
from girih.services.sources import repository as sources


class ProjectDependents:
    """Asks the services above agents, inside the transaction of an apply. See `Dependents`."""

    async def open_runs(self, work: Work, agents: Collection[str]) -> Sequence[OpenRuns]:
        """The runs of these agents that have not ended, by version and by what they do."""
        return await runs.open_runs(work, agents)

    async def versions_in_use(self, work: Work) -> frozenset[UUID]:
        """The versions that runs which have not ended began with."""
        return await runs.versions_in_use(work)

    async def threads(self, work: Work, agents: Collection[str]) -> Mapping[str, int]:
        """How many threads each of these agents ran on last."""
        return await runs.threads(work, agents)

    async def schedules(self, work: Work, agents: Collection[str]) -> Sequence[Scheduled]:
        """The schedules that start these agents."""
        return await schedules.starting(work, agents)

    async def data_stores(self, work: Work, collections: Collection[str]) -> Mapping[str, Sequence[str]]:
        """The names of the data stores that fill each of these collections; those without any are missing."""
        return await sources.filling(work, collections)
