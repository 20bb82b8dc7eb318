"""Whether memory stays flat: the API's resident megabytes every few seconds of durable runs, beside worker and embedder.

python tests/benchmarks/memory.py [--runs 10000] [--seconds 10] [--streams 16]
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from load import load
from servers import girih, rss_mb, tree

EMBEDDER = b"girih.providers.embeddings.process"


def peak_mb(pid: int) -> float:
    """The most resident memory a process ever had, in megabytes."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


def parts(api: int) -> dict[str, int]:
    """What belongs to the same `girih dev`: the workers' processes, and the embedder that one of them has started."""
    dev = int(Path(f"/proc/{api}/stat").read_text().rsplit(")", 1)[1].split()[1])
    found: dict[str, int] = {}
    for pid in tree(dev):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        for name, mark in (("worker", b"girih.worker"), ("embedder", EMBEDDER)):
            if mark in command:
                found[f"{name} {pid}"] = pid
    return found


async def measure(runs: int, seconds: float, streams: int) -> None:
    """Print one line per portion, then the growth from the first portion to the last."""
    with girih() as (target, api, _):
        await asyncio.sleep(5)  # the embedder is loading
        others = parts(api)
        print("  runs   runs/s   API MB   " + "   ".join(others))
        done, sizes = 0, [rss_mb(api)]
        print(f"{done:>6}        -  {sizes[0]:>7.1f}   " + "   ".join(f"{rss_mb(pid):.0f}" for pid in others.values()))
        while done < runs:
            figures = await load(target, streams, seconds)
            done += figures.runs
            sizes.append(rss_mb(api))
            own = "   ".join(f"{rss_mb(pid):.0f}" for pid in others.values())
            print(f"{done:>6}  {figures.rate:>7.0f}  {sizes[-1]:>7.1f}   {own}", flush=True)
        half = sizes[len(sizes) // 2]
        print(f"\nAPI: {sizes[0]:.0f} MB idle, {sizes[-1]:.0f} MB after {done} runs, {peak_mb(api):.0f} MB at most;")
        print(f"{(sizes[-1] - half) * 1000 / (done / 2):+.2f} MB per 1,000 runs in the second half.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, help="how many runs")
    parser.add_argument("--seconds", type=float, default=10, help="how long to load it between two looks")
    parser.add_argument("--streams", type=int, default=16, help="how many streams at once")
    options = parser.parse_args()
    asyncio.run(measure(options.runs, options.seconds, options.streams))


if __name__ == "__main__":
    main()
