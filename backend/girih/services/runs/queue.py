"""The runs that wait for a slot: how many may, and the bell that calls a worker for each."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Dispatch, UnitOfWork
from girih.errors import QueueFull
from girih.jobs import RUN
from girih.services.runs import search_repository


@dataclass(frozen=True)
class Limits:
    """The most runs that may wait: of one organization, and of all together."""

    per_org: int = 1_000
    total: int = 10_000


class Queue:
    """Every run that waits is a row; a message only makes it start sooner."""

    def __init__(self, uow: UnitOfWork, dispatch: Dispatch, limits: Limits) -> None:
        self._uow = uow
        self._dispatch = dispatch
        self._limits = limits

    async def admit(self, scope: OrgScope, *, delayed: bool = False) -> None:
        """Let one more run wait. Raises `QueueFull` where too many do already.

        Those whose time has not come count apart from those that wait for a slot.
        """
        most = max(self._limits.per_org, self._limits.total)
        async with self._uow.reading_for("reconcile") as work:
            mine, everybody = await search_repository.queued(work, scope.org_id, most=most, delayed=delayed)
        if mine >= self._limits.per_org:
            raise QueueFull(f"{mine} of your runs wait already", help="send it again when some of them have started")
        if everybody >= self._limits.total:
            raise QueueFull("too many runs wait already", help="send it again in a moment")

    def ring(self, run_id: UUID | str) -> None:
        """Call a worker for a run that waits."""
        self._dispatch(RUN, str(run_id))
