"""What a second API process and a second worker bring: `python tests/benchmarks/scaling.py [--seconds 8] [--slots 8]`.

Each process may execute so many runs at once (`--slots`), and a run's model takes its time (50 tokens, 10 ms each), as
models do: so one process is full while the cores still have room for the load generator and a second process. The
wall ratio says whether two full processes do twice as much; runs per processor second, whether they get in each
other's way: database and broker are counted as well.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

from load import Figures, Target, load
from servers import cpu_seconds
from tests.acceptance.fleet import Fleet, Member, begin, events, fleet, publish, until

AGENT = """kind: graph/v1
name: patient
use: { model: model://demo }
nodes:
  a:
    llm: model
    prompt: say something
    params: { tokens: 50, delay_ms: 10 }
    next: $end
outputs: { text: "${ a.text }" }
"""


@dataclass
class Measured:
    """So many runs, the seconds they took, and the processor seconds of girih and of its servers."""

    runs: int
    seconds: float
    processor: float
    servers: float

    def line(self, what: str, count: int, alone: Measured | None) -> str:
        """A line of the table."""
        rate, efficiency = self.runs / self.seconds, self.runs / (self.processor + self.servers)
        ratios = "1.00 | 1.00"
        if alone is not None:
            before = alone.runs / (alone.processor + alone.servers)
            ratios = f"{rate / (alone.runs / alone.seconds):.2f} | {efficiency / before:.2f}"
        return (
            f"| {what} | {count} | {self.runs} | {rate:.1f} | {1000 * self.processor / self.runs:.1f} + "
            f"{1000 * self.servers / self.runs:.1f} | {efficiency:.1f} | {ratios} |"
        )


def _processor(place: Fleet, members: list[Member]) -> tuple[float, float]:
    """Processor seconds of these processes, and of database and broker."""
    own = sum(cpu_seconds(member.process.pid) for member in members)
    return own, cpu_seconds(place.postgres.pid) + cpu_seconds(place.valkey.pid)


async def _streams(place: Fleet, apis: list[Member], streams: int, seconds: float) -> Measured:
    """Foreground streams, shared out evenly."""
    headers = {"Authorization": f"Bearer {place.key}"}
    targets = [Target(int(api.url.rsplit(":", 1)[1]), "/v1/runs/stream", {"agent": "patient"}, headers) for api in apis]
    before, began = _processor(place, apis), time.monotonic()
    found: list[Figures] = await asyncio.gather(*(load(one, streams // len(targets), seconds) for one in targets))
    after = _processor(place, apis)
    took = time.monotonic() - began
    return Measured(sum(one.runs for one in found), took, after[0] - before[0], after[1] - before[1])


def _background(place: Fleet, api: Member, workers: list[Member], runs: int) -> Measured:
    """Background runs, all accepted before the first worker may begin; from then on until the last has ended."""
    members = [api, *workers]
    with place.client(api) as client:
        before, began = _processor(place, members), time.monotonic()
        ids = [begin(client, "patient") for _ in range(runs)]
        until(lambda: place.sql("SELECT count(*) FROM runs WHERE status <> 'succeeded'") == [(0,)], 300)
        took, after = time.monotonic() - began, _processor(place, members)
        assert len(ids) == runs
    return Measured(runs, took, after[0] - before[0], after[1] - before[1])


def apis(seconds: float, slots: int) -> Iterator[str]:
    """One API process and two, as many streams as two can execute."""
    alone = None
    for count in (1, 2):
        with fleet(GIRIH_RUN_SLOTS=str(slots), GIRIH_BACKGROUND_AFTER="600", GIRIH_RUN_LEASE="30") as place:
            members = [place.api() for _ in range(count)]
            with place.client(members[0]) as client:
                publish(client, {"patient.yaml": AGENT})
            asyncio.run(_streams(place, members, 2 * slots, 2))
            measured = asyncio.run(_streams(place, members, 2 * slots, seconds))
            yield measured.line("API processes", count, alone)
            alone = alone or measured


def workers(seconds: float, slots: int) -> Iterator[str]:
    """One worker and two, for as many background runs."""
    alone = None
    for count in (1, 2):
        with fleet(GIRIH_RUN_SLOTS=str(slots), GIRIH_BACKGROUND_AFTER="600", GIRIH_RUN_LEASE="30") as place:
            api = place.api(GIRIH_RUN_SLOTS="0")
            members = [place.worker() for _ in range(count)]
            with place.client(api) as client:
                publish(client, {"patient.yaml": AGENT})
                for _ in range(4 * slots):  # until all of them are there
                    first = begin(client, "patient")
                events(client, first)
                until(lambda place=place: place.sql("SELECT count(*) FROM runs WHERE status <> 'succeeded'") == [(0,)])
            measured = _background(place, api, members, round(seconds * slots * 2))
            yield measured.line("workers", count, alone)
            alone = alone or measured


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--slots", type=int, default=8, help="runs that one process executes at once")
    options = parser.parse_args()
    print("| what | processes | runs | runs/s | ms per run (+ servers) | runs per CPU second | × wall | × CPU |")
    print("|---|---|---|---|---|---|---|---|")
    for line in chain(apis(options.seconds, options.slots), workers(options.seconds, options.slots)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
