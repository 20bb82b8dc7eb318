"""A real `girih dev` for the acceptance tests: started, waited for, and always ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from girih.embedded.processes import alive, wait_until

START_SECONDS = 90.0


@dataclass
class Dev:
    """One `girih dev` and what it said of itself."""

    process: subprocess.Popen[bytes]
    data_dir: Path
    output: Path
    facts: dict[str, Any] = field(default_factory=dict)

    def said(self) -> str:
        """All it printed so far."""
        return self.output.read_text()

    def pids(self) -> dict[str, int]:
        """Its parts as dev.json names them now."""
        return json.loads((self.data_dir / "dev.json").read_text())["pids"]

    def get(self, path: str) -> httpx.Response:
        """Ask its API with its key."""
        headers = {"authorization": f"Bearer {self.facts['api_key']}"}
        return httpx.get(self.facts["url"] + path, headers=headers, trust_env=False, timeout=10)

    def end(self, number: int) -> int:
        """Send a signal and wait for the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def leaves_nothing(self) -> bool:
        """Whether every process it started is gone, soon."""
        return wait_until(lambda: not any(alive(pid) for pid in self.facts["pids"].values()), 20)


@contextmanager
def girih_dev(
    data_dir: Path, *arguments: str, output: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Dev]:
    """Start `girih dev` and wait until it says that it is running."""
    command = [sys.executable, "-m", "girih.cli", "dev", "--data-dir", str(data_dir), *arguments]
    env = os.environ | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"} | dict(environment or {})
    with output.open("wb") as stream:
        process = subprocess.Popen(command, env=env, stdout=stream, stderr=subprocess.STDOUT)
    dev = Dev(process, data_dir, output)
    try:
        assert wait_until(lambda: "running ·" in dev.said() or process.poll() is not None, START_SECONDS), dev.said()
        assert process.poll() is None, dev.said()
        dev.facts = json.loads((data_dir / "dev.json").read_text())
        yield dev
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
