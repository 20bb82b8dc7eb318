"""What model calls under way may still use, held against the budgets, so that calls at once do not overspend them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import GirihError
from girih.services.usage import repository

log = structlog.get_logger("girih.usage")

LASTS = timedelta(minutes=10)
"""After so long a hold counts no more: its process has ended, or the call takes longer than any should."""
SOON, LATER = 0.05, 0.5
"""Seconds after which a call that does not fit asks again: at first, and at most."""


@dataclass(frozen=True)
class Need:
    """The most that a call is expected to use. A cost of `None` is not known."""

    tokens: int
    cost_usd: float | None


class Holds:
    """The holds of one process's calls; all processes see one another's."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._releasing: set[asyncio.Task[None]] = set()

    async def take(self, scope: OrgScope, need: Need) -> UUID | None:
        """Wait until the call fits beside those under way, and hold what it needs; `None` when nothing is left."""
        wait = SOON
        while True:
            hold = new_id()
            async with self._uow(scope.whole()) as work:
                answer = await repository.hold(work, scope, hold, need.tokens, need.cost_usd, LASTS)
            if answer != "wait":
                return hold if answer == "held" else None
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - spreads load, guards nothing
            wait = min(2 * wait, LATER)

    def release(self, scope: OrgScope, hold: UUID) -> None:
        """Let go of it, in the background."""
        task = asyncio.create_task(self._release(scope, hold))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def close(self) -> None:
        """Let what is under way end."""
        await asyncio.gather(*self._releasing, return_exceptions=True)

    async def _release(self, scope: OrgScope, hold: UUID) -> None:
        try:
            async with self._uow(scope) as work:
                await repository.release(work, scope, hold)
        except GirihError as fault:  # it ends by itself
            log.warning("a hold on a budget could not be released", reason=fault.message)
