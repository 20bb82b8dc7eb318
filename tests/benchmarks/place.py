"""What the reliability scenarios share: real processes to break, and what a scenario found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.acceptance.fleet import Fleet, Member, events, fleet, publish

POINTS = (
    "run.created",
    "run.claimed",
    "checkpoint.before",
    "checkpoint.after",
    "checkpoint.before@2",
    "checkpoint.after@3",
    "finish.before",
    "finish.after",
)
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
        found.check(seen[-1]["type"] == "run.finished", f"{run}: {seen[-1]['type']}")
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
