"""Time and memory of a fork over many items: python tests/benchmarks/each.py [--items 10000] [--nodes 1] [--concurrency 8].

Memory is the process's resident set, sampled while the items run, with checkpoints kept in memory as well: read the
growth from the smaller list to the larger one, not the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "backend"), str(Path(__file__).parents[2])]

from tests.engine.plans import World, each, node, plan  # noqa: E402


def rss_mb() -> float:
    """Resident memory of this process in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


async def measured(items: int, nodes: int, concurrency: int) -> tuple[float, float]:
    """Seconds, and megabytes at most beyond what there was before."""
    names = [f"n{number}" for number in range(nodes)]
    graph = plan(
        each("all", "n0", "${ inputs.items }", "$end", gives=f"${{ {names[-1]}.value }}", max_concurrency=concurrency),
        *(node(name, *names[i + 1 : i + 2], region="n0", x="${ item }") for i, name in enumerate(names)),
        outputs={"count": "${ size(all.items) }"},
    )
    world = World()
    world.probe.act = lambda ctx, values: {"value": values["x"]}
    world.probe.ran = world.probe.keys = _Nothing()  # type: ignore[assignment]
    world.probe.saw = _Forgetful()
    world.events = _Nothing()  # type: ignore[assignment]
    gc.collect()
    before, peak, running = rss_mb(), 0.0, True

    async def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, rss_mb())
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    started = time.perf_counter()
    outcome = await world.run(graph, {"items": [f"item {number}" for number in range(items)]})
    seconds = time.perf_counter() - started
    running = False
    await watching
    assert outcome.outputs == {"count": items}, outcome
    return seconds, max(peak, rss_mb()) - before


class _Nothing(list[object]):
    def append(self, item: object) -> None:
        pass


class _Forgetful(dict):
    def __setitem__(self, key: object, value: object) -> None:
        pass


def main() -> None:
    """Measure a tenth of the items, then all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args()
    with asyncio.Runner() as runner:
        runner.run(measured(50, options.nodes, options.concurrency))
        for items in (options.items // 10, options.items):
            seconds, grown = runner.run(measured(items, options.nodes, options.concurrency))
            print(f"{items:>7,} items  {seconds:6.2f} s  {seconds / items * 1e6:6.0f} µs each  +{grown:.1f} MB")


if __name__ == "__main__":
    main()
