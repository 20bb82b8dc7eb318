"""What schedules need of the services beside them."""

from __future__ import annotations

from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.thread_schemas import ThreadIn, ThreadOut


class Threads(Protocol):
    """The threads that runs have, as schedules see them."""

    async def create(self, scope: OrgScope, body: ThreadIn) -> ThreadOut:
        """Make a thread."""
        ...


class Runs(Protocol):
    """The runs service, as schedules see it."""

    @property
    def threads(self) -> Threads:
        """The threads."""
        ...

    async def create(self, scope: OrgScope, body: RunIn, idempotency_key: str | None = None) -> RunOut:
        """Accept a run."""
        ...
