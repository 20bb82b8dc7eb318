"""A small girih of real processes: database, broker, APIs and workers, each of which can be killed, frozen or stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from girih.cli.dev_setup import prepare
from girih.cli.stream import frames
from girih.embedded.postgres import PostgresServer, start_postgres
from girih.embedded.processes import free_port, listening, tied
from girih.embedded.valkey import ValkeyServer, start_valkey

LEASE = 2.0
STEPS = ("a", "b", "c", "d")


def line(name: str, tokens: int, delay_ms: int) -> str:
    """An agent of four model calls, one after another."""
    nodes = "".join(
        f"  {step}:\n    llm: model\n    prompt: say something\n"
        f"    params: {{ tokens: {tokens}, delay_ms: {delay_ms} }}\n    next: {after}\n"
        for step, after in zip(STEPS, [*STEPS[1:], "$end"], strict=True)
    )
    return (
        f"kind: graph/v1\nname: {name}\ninputs: {{ n: integer? }}\nuse: {{ model: model://demo }}\n"
        f'nodes:\n{nodes}outputs: {{ text: "${{ d.text }}" }}\n'
    )


WORKSPACE = {
    "quick.yaml": line("quick", 4, 0),
    "slow.yaml": line("slow", 10, 60),
    "long.yaml": line("long", 100, 100),
}
"""`quick` takes milliseconds, `slow` two and a half seconds, `long` forty."""


@dataclass
class Member:
    """One process of the fleet."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def send(self, number: int) -> None:
        """Send a signal to the process and all that it started."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """End it without a word."""
        if self.process.poll() is None:
            self.send(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 60) -> int:
        """Ask it to stop; gives its exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def said(self) -> str:
        """All it wrote."""
        return self.log.read_text()


@dataclass
class Fleet:
    """Starts processes that share one database and one broker."""

    folder: Path
    postgres: PostgresServer
    valkey: ValkeyServer
    key: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)

    def api(self, **more: str) -> Member:
        """An API that answers."""
        port = free_port()
        member = self._start("api", "girih.api", GIRIH_PORT=str(port), **more)
        member.url = f"http://127.0.0.1:{port}"
        until(lambda: listening(port) or member.process.poll() is not None)
        assert member.process.poll() is None, member.said()
        return member

    def worker(self, **more: str) -> Member:
        """A worker; it need not be ready yet."""
        return self._start("worker", "girih.worker", **more)

    def client(self, api: Member) -> httpx.Client:
        """Somebody with a key."""
        return httpx.Client(
            base_url=api.url, headers={"authorization": f"Bearer {self.key}"}, timeout=60, trust_env=False
        )

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Rows, as the database's administrator sees them."""
        return asyncio.run(_sql(self.postgres.admin_url.removesuffix("/postgres") + "/girih", statement, values))

    def holder(self, run_id: str) -> Member | None:
        """The process that executes the run."""
        ((name,),) = self.sql("SELECT worker FROM runs WHERE id = $1", UUID(run_id))
        pid = int(name.split(":")[-2]) if name else 0
        return next((member for member in self.members if member.process.pid == pid), None)

    def in_the_middle(self, run_id: str) -> Member:
        """Wait until a process executes the run and has finished a step; gives the process."""
        done = "SELECT FROM run_events WHERE run_id = $1 AND type = 'node.finished'"
        until(lambda: self.sql(done, UUID(run_id)))
        holder = self.holder(run_id)
        assert holder is not None
        return holder

    def restart_postgres(self, how: int = signal.SIGINT) -> None:
        """End the database and start it again where it was."""
        port = self.postgres.port
        os.kill(self.postgres.pid, how)
        until(lambda: not self.postgres.running())
        self.postgres = start_postgres(self.folder / "postgres", port)

    def restart_valkey(self, *, flushed: bool = False) -> None:
        """Kill the broker and start it again, with what it knew or without."""
        self.kill_valkey()
        if flushed:
            for file in (self.folder / "valkey").rglob("*.aof*"):
                file.unlink()
        self.valkey = start_valkey(self.folder / "valkey")

    def kill_valkey(self) -> None:
        """End the broker without a word."""
        if self.valkey.running():
            os.kill(self.valkey.pid, signal.SIGKILL)
        until(lambda: not self.valkey.running())

    def _start(self, name: str, module: str, **more: str) -> Member:
        log = self.folder / f"{name}-{len(self.members)}.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIRIH_", "OPENAI_"))}
        with log.open("wb") as file:
            process = subprocess.Popen(
                tied([sys.executable, "-m", module], signal.SIGKILL),
                env=kept | self.environment | more,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        member = Member(f"{name}-{len(self.members)}", process, log)
        self.members.append(member)
        return member


@contextmanager
def fleet(**settings: str) -> Iterator[Fleet]:
    """A migrated database with a project, a key and three agents, and a broker. Everything ends with the block."""
    with tempfile.TemporaryDirectory(prefix="girih-fleet-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # below a private folder root's database would lie elsewhere
        made = Fleet(folder, start_postgres(folder / "postgres"), start_valkey(folder / "valkey"))
        try:
            made.key = asyncio.run(prepare(made.postgres.owner_url, made.postgres.app_url, folder / "key")).api_key
            made.environment = {
                "GIRIH_DATABASE_URL": made.postgres.app_url,
                "GIRIH_REDIS_URL": made.valkey.url,
                "GIRIH_DATA_DIR": str(folder / "data"),
                "GIRIH_EMBEDDER": "hashing",
                "GIRIH_RUN_LEASE": str(LEASE),
                "GIRIH_WORKER_ROLES": "runs",
                **settings,
            }
            yield made
        finally:
            for member in made.members:
                if member.process.poll() is None:
                    member.send(signal.SIGCONT)
                member.kill()
            made.valkey.stop()
            made.postgres.stop()


async def _sql(url: str, statement: str, values: Sequence[object]) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()


def publish(client: httpx.Client, files: Mapping[str, str] = WORKSPACE) -> None:
    """Publish a workspace."""
    answer = client.post("/v1/workspace/apply", json={"files": dict(files)})
    assert answer.status_code == 200, answer.text


def begin(client: httpx.Client, agent: str, *, background: bool = True, **more: Any) -> str:
    """Start a run; gives its id."""
    answer = client.post("/v1/runs", json={"agent": agent, "background": background, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def events(client: httpx.Client, run_id: str, after: int = 0) -> list[dict[str, Any]]:
    """The run's events to its end. A stream that breaks is resumed, as clients do."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 90

    def in_time(chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:  # heartbeats come also where nothing else does
            assert time.monotonic() < deadline, f"no end after {len(found)} events: {_standing(client, run_id)}"
            yield chunk

    while not found or found[-1]["type"] not in ("run.finished", "run.failed", "run.cancelled"):
        assert time.monotonic() < deadline, f"no end after {len(found)} events: {_standing(client, run_id)}"
        headers = {"last-event-id": str(found[-1]["seq"] if found else after)}
        try:
            with client.stream("GET", f"/v1/runs/{run_id}/events", headers=headers) as answer:
                if answer.status_code == 200:
                    found.extend(frames(in_time(answer.iter_bytes())))  # what came before a break stays
                    continue
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    return found


def _standing(client: httpx.Client, run_id: str) -> str:
    run = client.get(f"/v1/runs/{run_id}").json()
    return f"{run.get('status')}, attempt {run.get('attempt')}"


def check_whole(found: list[dict[str, Any]], steps: tuple[str, ...] = STEPS, after: int = 0) -> None:
    """Each event once, in order, the last one the end; each node's result once."""
    assert [event["seq"] for event in found] == list(range(after + 1, after + 1 + len(found)))
    assert found[-1]["type"] == "run.finished", found[-1]
    assert [event["node"] for event in found if event["type"] == "node.finished"] == list(steps)


def until(condition: Callable[[], object], seconds: float = 40, pause: float = 0.02) -> None:
    """Wait until something holds; look again after a pause (in seconds)."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(pause)
