"""The API as a process of its own, as operators start it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

MASTER_KEY = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="
"""The same for all servers on one database."""
LIMIT = 60.0
"""Seconds a process may take to start or to stop."""


@dataclass
class ApiProcess:
    """A running `python -m girih.api`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def environment(database_url: str, data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a process: this one's without its settings, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIRIH_", "OPENAI_"))}
    given = {"GIRIH_DATABASE_URL": database_url, "GIRIH_DATA_DIR": str(data_dir), "GIRIH_EMBEDDER": "hashing"}
    return kept | given | {"GIRIH_MASTER_KEY": MASTER_KEY} | more


@contextmanager
def api_process(
    database_url: str, folder: Path, port: int | None = None, program: Sequence[str] = ("-m", "girih.api"), **more: str
) -> Iterator[ApiProcess]:
    """Start the API on a free port and wait until it answers; `program` is what Python is told to run."""
    port = port or free_port()
    log = folder / f"api-{port}.log"
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, *program],
            env=environment(database_url, folder / "data", GIRIH_PORT=str(port), **more),
            stdout=file,
            stderr=file,
        )
    api = ApiProcess(f"http://127.0.0.1:{port}", process, log)
    try:
        wait_until_up(api)
        yield api
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(LIMIT)


def wait_until_up(api: ApiProcess) -> None:
    """Wait until it answers; fails where it has ended."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if api.process.poll() is not None:
            break
        try:
            if httpx.get(f"{api.url}/healthz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the API did not start:\n{api.log.read_text()}")
