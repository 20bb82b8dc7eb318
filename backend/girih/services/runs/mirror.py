"""Feeds of runs that other processes execute: one query per news for all readers of a run here."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.services.runs import repository
from girih.services.runs.feed import Feed
from girih.services.runs.plain import dump

log = structlog.get_logger("girih.runs")

PAGE = 200
"""How many events are taken from the table at once."""
NET, NET_ALONE = 2.0, 0.2
"""How often (seconds) all runs that are read here are looked at: with a doorbell that is heard, and without one."""
AT_ONCE = 4
"""So many organizations are asked about side by side: what is read must leave connections to others."""


@dataclass
class Mirror:
    """The feed of one run of another process, and how many read it here."""

    feed: Feed
    readers: int = 0


@dataclass
class Mirrors:
    """The mirrors of this process. Readers hold no connection: one task looks for all of them."""

    uow: UnitOfWork
    hears: Callable[[], bool]
    """Whether a doorbell tells of news."""
    _known: dict[UUID, list[Mirror]] = field(default_factory=dict)
    _due: set[UUID] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def join(self, scope: OrgScope, run_id: UUID, last: int) -> Mirror:
        """Read the run here until `leave`; the first reader's feed begins after event number `last`.

        The caller has seen that the run is the scope's.
        """
        mirror = self._find(scope, run_id)
        if mirror is None:
            mirror = Mirror(Feed(scope.whole(), run_id, last))
            self._known.setdefault(run_id, []).append(mirror)
            self.has_news(run_id)
        mirror.readers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="mirrors of runs")
        return mirror

    def feed(self, scope: OrgScope, run_id: UUID) -> Feed | None:
        """The run's feed, if it is the scope's run and somebody reads it here."""
        mirror = self._find(scope, run_id)
        return mirror.feed if mirror is not None else None

    def leave(self, mirror: Mirror) -> None:
        """One reader less."""
        mirror.readers -= 1
        if not mirror.readers:
            self._forget(mirror)

    def has_news(self, run_id: UUID) -> None:
        """Read what is new of the run, if somebody here reads it."""
        if run_id in self._known:
            self._due.add(run_id)
            self._news.set()

    def all_may_have_news(self) -> None:
        """Read what is new of every run that is read here."""
        self._due.update(self._known)
        self._news.set()

    def __len__(self) -> int:
        return sum(len(mirrors) for mirrors in self._known.values())

    def _find(self, scope: OrgScope, run_id: UUID) -> Mirror | None:
        for mirror in self._known.get(run_id, ()):
            if (mirror.feed.scope.org_id, mirror.feed.scope.project_id) == (scope.org_id, scope.project_id):
                return mirror
        return None

    def _forget(self, mirror: Mirror) -> None:
        run_id = mirror.feed.run_id
        left = [one for one in self._known.get(run_id, []) if one is not mirror]
        if left:
            self._known[run_id] = left
        else:
            self._known.pop(run_id, None)
        if not self._known and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        """Read what is due as soon as it is; now and then look whether something is that nobody rang for."""
        loop = asyncio.get_running_loop()
        swept = loop.time()
        while True:
            net = NET if self.hears() else NET_ALONE
            with suppress(TimeoutError):
                async with asyncio.timeout_at(swept + net):
                    await self._news.wait()
            try:
                if loop.time() >= swept + net:
                    swept = loop.time()
                    await self._each(list(self._known), self._sweep)
                self._news.clear()
                due, self._due = self._due, set()
                await self._each(due, self._refresh)
            except Unavailable as fault:
                log.debug("cannot read the news of runs", reason=fault.message)
                await asyncio.sleep(NET_ALONE)
                self.all_may_have_news()
            except Exception:  # readers wait for this task: it goes on
                log.exception("reading the news of runs failed")
                await asyncio.sleep(NET)

    async def _each(self, runs: set[UUID] | list[UUID], act: Callable[[list[Mirror]], Awaitable[None]]) -> None:
        """Act on the mirrors of these runs, each organization's in a transaction of its own."""
        by_org: dict[UUID, list[Mirror]] = defaultdict(list)
        for run_id in runs:
            for mirror in self._known.get(run_id, ()):
                by_org[mirror.feed.scope.org_id].append(mirror)
        groups = list(by_org.values())
        for first in range(0, len(groups), AT_ONCE):
            await asyncio.gather(*(act(group) for group in groups[first : first + AT_ONCE]))

    async def _sweep(self, mirrors: list[Mirror]) -> None:
        feeds = {mirror.feed.run_id: mirror.feed for mirror in mirrors}
        async with self.uow(mirrors[0].feed.scope) as work:
            found = await repository.last_seqs(work, mirrors[0].feed.scope.org_id, list(feeds))
        self._due.update(run_id for run_id, last in found.items() if last > feeds[run_id].last)

    async def _refresh(self, mirrors: list[Mirror]) -> None:
        async with self.uow(mirrors[0].feed.scope) as work:
            for feed in (mirror.feed for mirror in mirrors):
                events = await repository.events(work, feed.scope.org_id, feed.run_id, after=feed.last, limit=PAGE)
                if events:
                    feed.publish(events, [len(dump(event.event.data)) for event in events])
                if len(events) == PAGE:
                    self._due.add(feed.run_id)
                    self._news.set()
