"""Runs a second, time to the first event and CPU per run: girih beside raw LangGraph and a bare FastAPI route.

    python tests/benchmarks/runs.py [--seconds 5] [--streams 1 16 64] [--write docs/explanation/performance.md]
    python tests/benchmarks/runs.py --rss 10000

All three are measured in one go on the same cores, which the load generator shares; read the ratios, not the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import raw_graph
from load import Figures, Target, load

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TICK = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):  # it has ended just now
                found += [int(child) for child in task.read_text().split()]
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time of a process tree, user and system, ended children included."""
    total = 0
    for process in tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(int(field) for field in fields[11:15])
    return total / TICK


def rss_mb(pid: int) -> float:
    """Resident memory of one process in megabytes."""
    return int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def floor() -> Iterator[tuple[Target, int]]:
    """The floor: the same graph behind a bare FastAPI route."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "raw_graph:app", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(command, cwd=Path(__file__).parent)
    try:
        wait_for_port(port)
        yield Target(port, "/stream", {}), process.pid
    finally:
        process.terminate()
        process.wait()


def wait_for_port(port: int) -> None:
    """Return when somebody listens on the port; gives up after 30 seconds."""
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


@contextmanager
def girih(metrics: int = 0) -> Iterator[tuple[Target, int, int]]:
    """girih as `girih dev` starts it: the target, the API's process id and PostgreSQL's; `metrics` is a port."""
    with tempfile.TemporaryDirectory(prefix="girih-bench-") as folder:
        Path(folder).chmod(0o755)  # below a private folder root's database would lie elsewhere
        command = [str(BIN / "girih"), "dev", str(ROOT / "agent_specs" / "bench"), "--port", str(free_port())]
        process = subprocess.Popen(
            [*command, "--data-dir", folder],
            env={**os.environ, "GIRIH_METRICS_PORT": str(metrics)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            facts = wait_for_facts(Path(folder) / "dev.json")
            port = int(facts["url"].rsplit(":", 1)[1])
            headers = {"Authorization": f"Bearer {facts['api_key']}"}
            yield (
                Target(port, "/v1/runs/stream", {"agent": "echo50"}, headers),
                facts["pids"]["api"],
                facts["pids"]["postgres"],
            )
        finally:
            process.terminate()
            process.wait()


def wait_for_facts(path: Path) -> dict:
    """What `girih dev` says of itself, once the agent is published; gives up after 60 seconds."""
    for _ in range(600):
        if path.exists() and "pids" in (facts := json.loads(path.read_text())):
            env = {**os.environ, "GIRIH_URL": facts["url"], "GIRIH_API_KEY": facts["api_key"]}
            command = [str(BIN / "girih"), "run", "echo50"]
            if subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0:
                return facts
        time.sleep(0.1)
    raise TimeoutError("girih dev did not come up")


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


def main() -> None:
    """Measure, print, and with `--write` put the table into a page between its markers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="how long each figure is measured")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 16, 64], help="how many streams at once")
    parser.add_argument("--write", type=Path, help="the page to put the table into")
    parser.add_argument("--rss", type=int, metavar="RUNS", help="instead: memory over so many runs at 16 streams")
    options = parser.parse_args()
    if options.rss:
        print("\n".join(asyncio.run(grown(options.rss))))
        return
    head = [
        "| server | streams | runs/s | of the limit | first event p50, ms | CPU per run, ms (+ database) |",
        "|---|---|---|---|---|---|",
    ]
    where = f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}."
    text = "\n".join([*head, *asyncio.run(compare(options.streams, options.seconds)), where])
    print(text)
    if options.write:
        marked = re.compile(r"(<!-- table -->\n).*?(<!-- /table -->)", re.DOTALL)
        options.write.write_text(marked.sub(lambda m: m[1] + text + "\n" + m[2], options.write.read_text()))


if __name__ == "__main__":
    main()
