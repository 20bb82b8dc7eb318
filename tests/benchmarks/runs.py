"""Runs a second, time to the first event and CPU per run: girih beside raw LangGraph and a bare FastAPI route.

    python tests/benchmarks/runs.py [--seconds 5] [--streams 1 16 64] [--write docs/explanation/performance.md]
    python tests/benchmarks/runs.py --doors [--rounds 5] [--streams 16] [--write docs/explanation/performance.md]
    python tests/benchmarks/runs.py --url http://127.0.0.1:2024 --protocol langgraph --assistant agent [--key KEY]
    python tests/benchmarks/runs.py --rss 10000

All that is compared is measured in one go on the same cores, which the load generator shares; read the ratios, not the
figures. With `--url` any server that speaks the protocol is asked for the same.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import resource
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import doors
import raw_graph
from load import Figures, Target, load
from protocols import PROTOCOLS, Server
from servers import cpu_seconds, floor, free_port, girih, rss_mb


async def raw(streams: int, seconds: float) -> tuple[Figures, float]:
    """The limit: `astream` in this process, nothing around it."""
    figures, started, cpu = Figures(), time.perf_counter(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])

    async def client() -> None:
        while time.perf_counter() - started < seconds:
            began, first = time.perf_counter(), 0.0
            async for _ in raw_graph.stream():
                first = first or time.perf_counter() - began
            figures.firsts.append(first)
            figures.runs += 1

    await asyncio.gather(*(client() for _ in range(streams)))
    figures.seconds = time.perf_counter() - started
    return figures, sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - cpu


async def measured(target: Target, pid: int, streams: int, seconds: float) -> tuple[Figures, float]:
    """Load on a server, and the CPU seconds its process used for it."""
    before = cpu_seconds(pid)
    figures = await load(target, streams, seconds)
    return figures, cpu_seconds(pid) - before


def row(name: str, streams: int, figures: Figures, cpu: float, limit: Figures, extra: str = "") -> str:
    """One line of the table."""
    cpu_ms = cpu / figures.runs * 1000
    ratio = figures.rate / limit.rate
    return f"| {name} | {streams} | {figures.rate:.0f} | {ratio:.2f} | {figures.first_ms:.1f} | {cpu_ms:.1f}{extra} |"


async def compare(streams: list[int], seconds: float) -> list[str]:
    """The table's rows."""
    rows = []
    with floor() as (bare, bare_pid), girih() as (target, api, postgres):
        await load(target, 4, 2)
        await load(bare, 4, 1)
        await raw(4, 1)
        for count in streams:
            limit, cpu = await raw(count, seconds)
            rows.append(row("raw `astream`, in process", count, limit, cpu, limit))
            figures, cpu = await measured(bare, bare_pid, count, seconds)
            rows.append(row("bare FastAPI over it", count, figures, cpu, limit))
            before = cpu_seconds(postgres)
            figures, cpu = await measured(target, api, count, seconds)
            database = (cpu_seconds(postgres) - before) / figures.runs * 1000
            rows.append(row("**girih, durable**", count, figures, cpu, limit, f" + {database:.1f}"))
        rows.append(f"\nMemory of girih's API process afterwards: {rss_mb(api):.0f} MB.")
    port = free_port()
    with girih(port) as (target, _, _):
        await load(target, 16, seconds)
        rows.append(f"Runs that found their graph compiled: {compiled_before(port):.2%}.")
    return rows


def compiled_before(port: int) -> float:
    """The part of all runs so far whose graph was compiled already, by the server's own metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        found = re.findall(r'girih_graph_lookups_total\{outcome="(\w+)"\} (\S+)', answer.read().decode())
    counts = {outcome: float(count) for outcome, count in found}
    return counts.get("hit", 0) / sum(counts.values())


async def grown(runs: int) -> list[str]:
    """Resident memory of the API's process over so many runs, a tenth of them at a time, and what a run costs."""
    rows = ["| runs | API's memory, MB | CPU per run, ms |", "|---|---|---|"]
    with girih() as (target, api, _):
        done = 0
        await load(target, 16, 2)
        while done < runs:
            part, before = 0, cpu_seconds(api)
            while part < runs / 10:
                part += (await load(target, 16, 5)).runs
            done += part
            rows.append(f"| {done} | {rss_mb(api):.0f} | {(cpu_seconds(api) - before) / part * 1000:.1f} |")
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


async def asked(options: argparse.Namespace) -> list[str]:
    """The table's rows for a server that somebody else started: each way of asking in its protocol."""
    server = Server.at(options.url, options.key)
    rows = ["| protocol | streams | runs/s | first event p50, ms | CPU per run, ms |", "|---|---|---|---|---|"]
    for ask in PROTOCOLS[options.protocol]:
        target = ask(server, options.assistant)
        await load(target, 4, 1)
        for count in options.streams:
            before = sum(cpu_seconds(pid) for pid in options.pid)
            figures = await load(target, count, options.seconds)
            used = (sum(cpu_seconds(pid) for pid in options.pid) - before) / figures.runs * 1000
            cpu = f"{used:.1f}" if options.pid else ""
            name = ask.__name__.replace("_", " ")
            rows.append(f"| {name} | {count} | {figures.rate:.0f} | {figures.first_ms:.1f} | {cpu} |")
    return rows


async def through_doors(options: argparse.Namespace) -> list[str]:
    """The table of all doors, of a server that is started for it."""
    with girih() as (target, *pids):
        server = Server(target.host, target.port, "", target.headers)
        return await doors.compare(server, pids, options.streams[0], options.seconds, options.rounds)


def options_of() -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="how long each figure is measured")
    parser.add_argument("--streams", type=int, nargs="+", help="how many streams at once; 1 16 64, for doors 16")
    parser.add_argument("--write", type=Path, help="the page to put the table into")
    parser.add_argument("--rss", type=int, metavar="RUNS", help="instead: memory over so many runs at 16 streams")
    parser.add_argument("--doors", action="store_true", help="instead: every door of girih's beside /v1")
    parser.add_argument("--rounds", type=int, default=5, help="how often all doors are measured in turn")
    parser.add_argument("--url", help="instead: a server that runs already, up to what its protocol's paths begin with")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="v1", help="what it speaks")
    parser.add_argument("--key", help="the key to send it")
    parser.add_argument("--assistant", default="echo50", help="the agent, model or assistant to ask for")
    parser.add_argument("--pid", type=int, nargs="+", default=[], help="its processes here, to count their CPU time")
    options = parser.parse_args()
    options.streams = options.streams or ([16] if options.doors else [1, 16, 64])
    return options


def table(options: argparse.Namespace) -> tuple[str, list[str]]:
    """The name of what is measured, and its lines."""
    if options.url:
        return "server", asyncio.run(asked(options))
    if options.doors:
        return "doors", asyncio.run(through_doors(options))
    head = [
        "| server | streams | runs/s | of the limit | first event p50, ms | CPU per run, ms (+ database) |",
        "|---|---|---|---|---|---|",
    ]
    return "table", [*head, *asyncio.run(compare(options.streams, options.seconds))]


def main() -> None:
    """Measure, print, and with `--write` put the table into a page between its markers."""
    options = options_of()
    if options.rss:
        print("\n".join(asyncio.run(grown(options.rss))))
        return
    name, lines = table(options)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    text = "\n".join([*lines, f"\n{machine}, {time.strftime('%Y-%m-%d')}."])
    print(text)
    if options.write:
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        options.write.write_text(marked.sub(lambda m: m[1] + text + "\n" + m[2], options.write.read_text()))


if __name__ == "__main__":
    main()
