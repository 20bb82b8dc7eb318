"""Compares how long a 404 takes for a thing of another organization and for one that never was: the clock's side of it.

`python -m tests.benchmarks.telling_apart [REQUESTS]` (400): every GET of the description whose path names a thing, asked
for the foreign one, an absent one and another absent one in turns, within one process. What the two absent ones differ
by is noise.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import structlog
from tests.conftest import fresh_database
from tests.security.asking import FOLLOWING, Operation, ask, described
from tests.security.places import NOTHING, World, open_world

from girih.db.migrations import upgrade
from girih.services.identity.schemas import PERMISSIONS


@dataclass
class Times:
    """Milliseconds of one operation's answers."""

    foreign: list[float] = field(default_factory=list)
    absent: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)

    @property
    def apart(self) -> float:
        """How much longer the foreign one takes, as a part of the time."""
        return median(self.foreign) / median(self.absent) - 1

    @property
    def noise(self) -> float:
        """The same of two that never were."""
        return median(self.other) / median(self.absent) - 1


async def took(world: World, operation: Operation, name: str, ids: dict[str, str]) -> float | None:
    """Milliseconds up to the answer; nothing where it is no 404."""
    began = time.perf_counter()
    answer = await asyncio.create_task(ask(world.away.owner, operation, name, ids))
    return (time.perf_counter() - began) * 1000 if answer.status == 404 else None


async def compared(world: World, operation: Operation, requests: int) -> Times | None:
    """Ask for each of the three in turns."""
    times = Times()
    home = world.home.words[operation.of_the_name], world.home.ids
    kinds = (
        (times.foreign, home),
        (times.absent, (NOTHING, world.away.absent())),
        (times.other, (NOTHING, world.away.absent())),
    )
    for turn in range(requests):
        for number in range(3):  # nobody is always the one behind the same one
            kept, (name, ids) = kinds[(turn + number) % 3]
            if (one := await took(world, operation, name, ids)) is None:
                return None
            kept.append(one)
    return times


async def main(requests: int) -> None:
    """Make a world, compare, print what is furthest apart."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        async with fresh_database() as database:
            await upgrade(database.owner)
            async with open_world(database.app, Path(folder)) as world:
                asked = [one for one in described(world.app) if one.method == "GET" and one.names_a_thing]
                asked = [one for one in asked if one.permission in PERMISSIONS and one.name not in FOLLOWING]
                found = {one.path: await compared(world, one, requests) for one in asked}
    known = {path: times for path, times in found.items() if times is not None}
    rows = sorted(known.items(), key=lambda item: -abs(item[1].apart))
    apart, noise = [abs(times.apart) for times in known.values()], [abs(times.noise) for times in known.values()]
    print("| what furthest | foreign, ms | absent, ms | apart | of two absent ones |\n|---|---:|---:|---:|---:|")
    for path, times in rows[:5]:
        figures = f"{median(times.foreign):.2f} | {median(times.absent):.2f} | {times.apart:+.1%} | {times.noise:+.1%}"
        print(f"| `{path}` | {figures} |")
    print(f"{len(known)} operations, {requests} answers of each kind: median apart {median(apart):.1%} (most", end=" ")
    print(f"{max(apart):.1%}), of two absent ones {median(noise):.1%} (most {max(noise):.1%})")


if __name__ == "__main__":
    asyncio.run(main(*[int(given) for given in sys.argv[1:2]] or [400]))
