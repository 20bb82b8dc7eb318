"""Servers that benchmarks start, and what their processes use."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from load import Target

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
