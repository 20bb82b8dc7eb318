"""What goes on with what is published, and where: asked when a change to it is planned."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from girih.db.unit_of_work import Work


@dataclass(frozen=True)
class OpenRuns:
    """How many runs of one version of an agent have not ended, by what they do: `queued`, `running`, `interrupted`."""

    agent: str
    version: str
    status: str
    count: int


@dataclass(frozen=True)
class Scheduled:
    """A schedule by its name, and the reference to an agent that it starts."""

    name: str
    ref: str


class Dependents(Protocol):
    """Runs, threads, schedules and data stores, read inside a transaction of the caller."""

    async def open_runs(self, work: Work, agents: Collection[str]) -> Sequence[OpenRuns]:
        """The runs of these agents that have not ended, by version and by what they do."""
        ...

    async def versions_in_use(self, work: Work) -> frozenset[UUID]:
        """The versions that runs which have not ended began with."""
        ...

    async def threads(self, work: Work, agents: Collection[str]) -> Mapping[str, int]:
        """How many threads each of these agents ran on last."""
        ...

    async def schedules(self, work: Work, agents: Collection[str]) -> Sequence[Scheduled]:
        """The schedules that start these agents."""
        ...

    async def data_stores(self, work: Work, collections: Collection[str]) -> Mapping[str, Sequence[str]]:
        """The names of the data stores that fill each of these collections; those without any are missing."""
        ...


class NoDependents:
    """Nothing depends on what is published: of a process that publishes nothing."""

    async def open_runs(self, work: Work, agents: Collection[str]) -> Sequence[OpenRuns]:  # noqa: ARG002 - the port's signature
        """There are none."""
        return ()

    async def versions_in_use(self, work: Work) -> frozenset[UUID]:  # noqa: ARG002 - the port's signature
        """There are none."""
        return frozenset()

    async def threads(self, work: Work, agents: Collection[str]) -> Mapping[str, int]:  # noqa: ARG002 - the port's signature
        """There are none."""
        return {}

    async def schedules(self, work: Work, agents: Collection[str]) -> Sequence[Scheduled]:  # noqa: ARG002 - the port's signature
        """There are none."""
        return ()

    async def data_stores(self, work: Work, collections: Collection[str]) -> Mapping[str, Sequence[str]]:  # noqa: ARG002 - the port's signature
        """There are none."""
        return {}
