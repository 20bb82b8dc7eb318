"""What the reliability scenarios share: real processes to break, and what a scenario found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import httpx
from tests.acceptance.fleet import Fleet, Member, events, fleet, publish

T = TypeVar("T")

GIVEN_UP = ("run.finished", "run.failed", "run.cancelled")


@dataclass
class Found:
    """What a scenario saw: how often it tried, what was wrong, and figures worth a line."""

    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def check(self, holds: bool, what: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(what)

    def add(self, other: Found) -> None:
        """Take over what was found elsewhere: the slowest of both, the sum of what was counted."""
        self.tried += other.tried
        self.wrong += other.wrong
        for name, figure in other.figures.items():
            known: Any = self.figures.get(name, 0)
            self.figures[name] = max(known, figure) if name.startswith("slowest") else known + figure


@dataclass
class Place:
    """A fleet with an API that everybody asks."""

    fleet: Fleet
    api: Member
    client: httpx.Client
    n: int

    def workers(self, count: int = 2, **more: str) -> list[Member]:
        """So many living workers."""
        alive = [m for m in self.fleet.members if m.name.startswith("worker") and m.process.poll() is None]
        return [*alive[:count], *(self.fleet.worker(**more) for _ in range(count - len(alive)))]

    def dismiss(self) -> None:
        """Kill every worker."""
        for member in self.fleet.members:
            if member.name.startswith("worker"):
                member.kill()

    def whole(self, found: Found, run: str) -> list[dict[str, Any]]:
        """Read a run to its end and check the promise: each event once, in order, each result once, one end."""
        seen = events(self.client, run)
        found.check([e["seq"] for e in seen] == list(range(1, len(seen) + 1)), f"{run}: gaps or doubles")
        found.check(seen[-1]["type"] == "run.finished", f"{run}: {seen[-1]['type']} {seen[-1]['data']}")
        done = [e["node"] for e in seen if e["type"] == "node.finished"]
        found.check(done == ["a", "b", "c", "d"], f"{run}: results {done}")
        found.check(sum(e["type"] in GIVEN_UP for e in seen) == 1, f"{run}: more than one end")
        began = [e["node"] for e in seen if e["type"] == "node.started"]
        attempts = seen[-1]["attempt"]
        found.check(len(began) <= 4 + attempts - 1, f"{run}: {len(began)} starts of nodes in {attempts} attempts")
        return seen


@contextmanager
def place(n: int, **settings: str) -> Iterator[Place]:
    """A fleet with its agents published."""
    with fleet(**{"GIRIH_SHUTDOWN_GRACE": "0.5", "GIRIH_BACKGROUND_AFTER": "600", **settings}) as made:
        api = made.api()
        with made.client(api) as client:
            publish(client)
            yield Place(made, api, client, n)


PLACES = 3
"""So many places at once."""


def side_by_side(
    play: Callable[[T, Sequence[int]], Found], opening: Callable[[int], AbstractContextManager[T]]
) -> Callable[[int], Found]:
    """A scenario of single turns, shared out over several places; each is opened for so many of them."""
    one_by_one = Lock()

    def alone(turns: Sequence[int]) -> Found:
        try:
            with ExitStack() as stack:
                with one_by_one:  # there is one Alembic in a process
                    at = stack.enter_context(opening(len(turns)))
                return play(at, turns)
        except Exception as fault:  # what the others find is told all the same
            return Found(wrong=[f"{type(fault).__name__}: {fault}"])

    def shared_out(n: int) -> Found:
        found, count = Found(), min(PLACES, n)
        with ThreadPoolExecutor(count) as pool:
            for part in pool.map(alone, [range(first, n, count) for first in range(count)]):
                found.add(part)
        return found

    shared_out.__doc__ = play.__doc__
    return shared_out
