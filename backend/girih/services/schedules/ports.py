"""What schedules need of the services beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.thread_schemas import ThreadIn, ThreadOut


class Threads(Protocol):
    """The threads that runs have, as schedules see them."""

    async def create(self, scope: OrgScope, body: ThreadIn) -> ThreadOut:
        """Make a thread."""
        ...


class Checks(Protocol):
    """What tells beforehand whether runs fit."""

    async def check(self, scope: OrgScope, runs: Iterable[RunIn]) -> None:
        """Raise as `create` of runs does for the first that does not fit its agent."""
        ...


class Runs(Protocol):
    """The runs service, as schedules see it."""

    @property
    def replays(self) -> Checks:
        """The checks."""
        ...

    @property
    def threads(self) -> Threads:
        """The threads."""
        ...

    async def create(self, scope: OrgScope, body: RunIn, idempotency_key: str | None = None) -> RunOut:
        """Accept a run."""
        ...
