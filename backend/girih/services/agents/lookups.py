"""What references to agents mean, kept in memory: for as long as nothing is known to have changed, and confirmed."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.errors import NotFound
from girih.services.shelf.schemas import Notice

FRESH = 2.0
"""Seconds for which is believed what was found or confirmed."""
IDLE = 60.0
"""Seconds after which nobody confirms any more what a project's references mean that nobody asked for."""
MOST = 4096
"""References of all projects that mean something."""
MOST_ABSENT = 512
"""References that mean nothing: fewer, so that those who guess names push nothing out."""


@dataclass(frozen=True)
class Target:
    """A version that a reference leads to; `weight` is its share of the traffic, in percent, and `notice` what callers
    should know."""

    version_id: UUID
    version: str
    digest: str
    weight: int = 100
    notice: Notice | None = None


@dataclass(frozen=True)
class Meaning:
    """What a reference means: the version it points at, and for an alias that shares its traffic out, who gets what."""

    agent_id: UUID
    name: str
    alias: str | None
    main: Target
    shares: tuple[Target, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every version that it may lead to."""
        return self.shares or (self.main,)


@dataclass(frozen=True)
class Absent:
    """A reference that means nothing, and what is said to that."""

    message: str
    help: str | None

    def fault(self) -> NotFound:
        """To be raised."""
        return NotFound(self.message, help=self.help)


@dataclass(frozen=True)
class Ticket:
    """Taken before the database is asked: what has changed since is not kept."""

    generation: int
    at: float


@dataclass
class _Project:
    generation: int
    revision: int | None = None
    confirmed: float = float("-inf")
    used: float = float("-inf")


@dataclass(frozen=True)
class _Known:
    found: Meaning | Absent
    ticket: Ticket


Key: TypeAlias = tuple[UUID, UUID, tuple[str, ...], str]


@dataclass
class Lookups:
    """Answers without the database, for `FRESH` seconds after it was last heard that nothing has changed.

    `confirm` is told the newest revision of each project (see `AgentRevision`), `changed` that something was told to
    have changed. Whoever does neither has answers that are at most `FRESH` seconds old.
    """

    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[Key, _Known] = field(default_factory=OrderedDict)
    _absent: OrderedDict[Key, _Known] = field(default_factory=OrderedDict)
    _projects: OrderedDict[UUID, _Project] = field(default_factory=OrderedDict)
    _generations: count[int] = field(default_factory=count)

    def find(self, scope: OrgScope, ref: str) -> Meaning | Absent | None:
        """What the reference means; `None` where the database has to be asked."""
        key = _key(scope, ref)
        project = self._projects.get(scope.project_id)
        for kept in (self._known, self._absent):
            known = kept.get(key)
            if known is None:
                continue
            if project is not None and self._holds(known, project):
                kept.move_to_end(key)
                project.used = self.clock()
                return known.found
            del kept[key]
        return None

    def ticket(self, scope: OrgScope) -> Ticket:
        """To be taken before the database is asked, and given with what it said."""
        project = self._projects.setdefault(scope.project_id, _Project(next(self._generations)))
        project.used = self.clock()
        while len(self._projects) > MOST:
            self._projects.popitem(last=False)
        return Ticket(project.generation, project.used)

    def keep(self, scope: OrgScope, ref: str, found: Meaning | Absent, ticket: Ticket) -> None:
        """Remember what the database said."""
        kept, most = (self._absent, MOST_ABSENT) if isinstance(found, Absent) else (self._known, MOST)
        kept[_key(scope, ref)] = _Known(found, ticket)
        while len(kept) > most:
            kept.popitem(last=False)

    def forget(self, scope: OrgScope, ref: str) -> None:
        """Ask the database the next time."""
        for kept in (self._known, self._absent):
            kept.pop(_key(scope, ref), None)

    def changed(self, project_id: UUID | None) -> None:
        """References of the project may mean something else by now; without one, those of any may."""
        for number in (project_id,) if project_id is not None else tuple(self._projects):
            if (project := self._projects.get(number)) is not None:
                project.generation = next(self._generations)

    def in_use(self) -> list[UUID]:
        """The projects whose references were asked for lately; the others are forgotten."""
        now = self.clock()
        for number in [one for one, project in self._projects.items() if project.used < now - IDLE]:
            del self._projects[number]
        return list(self._projects)

    def confirm(self, asked: float, revisions: Mapping[UUID, int], projects: list[UUID]) -> None:
        """What the database said of these projects when it was asked at that moment: as it was before, or changed."""
        for number in projects:
            project = self._projects.get(number)
            if project is None:
                continue
            revision = revisions.get(number, 0)
            if project.revision != revision:
                project.generation, project.revision = next(self._generations), revision
            project.confirmed = asked

    def _holds(self, known: _Known, project: _Project) -> bool:
        is_same = known.ticket.generation == project.generation
        return is_same and self.clock() - max(known.ticket.at, project.confirmed) <= FRESH


def _key(scope: OrgScope, ref: str) -> Key:
    """Whoever is limited to certain agents is told of no other ones, also where a reference means nothing."""
    return scope.org_id, scope.project_id, scope.agents, ref
