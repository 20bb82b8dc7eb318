"""Watches new versions of aliases by their runs: in the background, in any number of processes, each end once."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import structlog

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.spec.tree import JsonObject
from girih.services.agents import alias_repository, target_repository
from girih.services.agents import guard_repository as guards
from girih.services.agents.alias_schemas import Figures, Guard
from girih.services.agents.guard_repository import Held, Watched
from girih.services.runs import guard_repository as runs

log = structlog.get_logger("girih.agents")

LOOK = 2.0
"""Seconds between two looks at the same alias, whichever process looks."""
AT_ONCE = 100


class Ends(Protocol):
    """What guards come to; see `Guarding`."""

    async def roll_back(self, scope: OrgScope, guard: Held, passed: str, figures: JsonObject) -> bool:
        """Give all traffic to the old version."""
        ...

    async def promote(self, scope: OrgScope, guard: Held, version_id: UUID, figures: JsonObject) -> bool:
        """Give all traffic to the new version."""
        ...


@dataclass(frozen=True)
class Seen:
    """What was measured for a guard: the old version, each new one by its version number, and since when how many."""

    old: Figures
    new: dict[str, Figures]
    version_id: UUID | None = None
    """The new version, where there is one alone."""
    since_begin: int = 0
    """Its runs that ended since it was given traffic, as far as they count for promoting it."""

    def told(self) -> JsonObject:
        """As a move and an event keep it."""
        new = {version: figures.model_dump(mode="json") for version, figures in self.new.items()}
        return {"old": self.old.model_dump(mode="json"), "new": new}


class Guards:
    """Looks at what is watched, and ends it."""

    def __init__(self, uow: UnitOfWork, ends: Ends, *, look: float = LOOK) -> None:
        self._uow = uow
        self._ends = ends
        self._look = look
        self._background: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch."""
        self._background = asyncio.create_task(self._run(), name="guards of aliases")

    async def stop(self) -> None:
        """Watch no more; others do, or the next process."""
        task, self._background = self._background, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def look(self) -> None:
        """Look once at everything that no process has looked at lately."""
        async with self._uow.reading_for("reconcile") as work:
            due = await guards.due(work, every=timedelta(seconds=self._look), limit=AT_ONCE)
        for one in due:
            await self._judge(one)

    async def _judge(self, one: Watched) -> None:
        async with self._uow(one.scope) as work:
            held = await guards.take(work, one)
        if held is None:
            return
        async with self._uow(one.scope) as work:
            seen = await measured(work, one.scope, held)
        if seen is None:
            return
        passed = next((found for new in seen.new.values() if (found := passed_by(held.bounds, new, seen.old))), None)
        if passed is not None:
            if await self._ends.roll_back(one.scope, held, passed, seen.told()):
                log.warning("alias rolled back", agent=held.name, alias=held.alias, passed=passed)
        elif seen.version_id is not None and may_stay(held.bounds, seen):
            await self._ends.promote(one.scope, held, seen.version_id, seen.told())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            try:
                await self.look()
            except Exception as fault:  # noqa: BLE001 - the database may be away; the next look may find it again
                log.warning("cannot watch aliases", error=type(fault).__name__)


async def measured(work: Work, scope: OrgScope, held: Held) -> Seen | None:
    """The figures that the guard is judged by; `None` where the alias is gone."""
    window = timedelta(seconds=held.bounds.window)
    since = max(held.since, held.now - window)
    shares = await target_repository.shares(work, scope, held.agent_id, held.alias)
    if shares:
        old = await runs.figures(work, scope, held.old_version_id, since)
        new = {share.version_id: share.version for share in shares if share.version_id != held.old_version_id}
    else:
        pointing = await alias_repository.pointing(work, scope, held.agent_id, held.alias)
        if pointing is None:
            return None
        # The old one has no traffic any more: it is measured by what it did before.
        old = await runs.figures(work, scope, held.old_version_id, held.since - window, held.since)
        new = {pointing.version_id: pointing.version}
    found = {version: await runs.figures(work, scope, number, since) for number, version in new.items()}
    if len(new) != 1 or held.bounds.promote_after is None:
        return Seen(old, found)
    (alone,) = new
    count = await runs.count(work, scope, alone, held.since, held.bounds.promote_after)
    return Seen(old, found, alone, count)


def passed_by(bounds: Guard, new: Figures, old: Figures) -> str | None:
    """The bound that the new version has passed, if it has enough runs to tell."""
    if new.runs < bounds.min_runs:
        return None
    if bounds.error_rate is not None and new.error_rate > bounds.error_rate:
        return "error_rate"
    if bounds.p95_seconds is not None and (new.p95_seconds or 0.0) > bounds.p95_seconds:
        return "p95_seconds"
    if old.runs < bounds.min_runs:
        return None
    if bounds.error_rate_above is not None and new.error_rate - old.error_rate > bounds.error_rate_above:
        return "error_rate_above"
    if bounds.p95_ratio is not None and (new.p95_seconds or 0.0) > bounds.p95_ratio * (old.p95_seconds or math.inf):
        return "p95_ratio"
    return None


def may_stay(bounds: Guard, seen: Seen) -> bool:
    """Whether a new version that has passed no bound has shown enough to have all the traffic."""
    return bounds.promote_after is not None and seen.since_begin >= bounds.promote_after
