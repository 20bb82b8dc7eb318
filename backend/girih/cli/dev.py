"""`girih dev`: everything on this machine, from an empty folder to a running API, and a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from girih.cli.dev_keys import own_keys
from girih.cli.dev_setup import MASTER_KEY, Prepared, prepare, set_master_key
from girih.cli.dev_watch import publish, snapshot
from girih.cli.output import FINDINGS, INTERRUPTED, USAGE, complain, note
from girih.cli.tour import tour
from girih.embedded.lock import held_lock
from girih.embedded.processes import write_private
from girih.embedded.stack import Stack, choose_port
from girih.embedded.supervisor import Supervisor
from girih.wiring.environment import read_settings
from girih.wiring.production import require_production

OUTBOX = "outbox"
"""The folder in the data folder that mails are written to, unless there is a mail server."""

LOOK_SECONDS = 0.5
"""How often the workspace is looked at."""

EXAMPLES = (Path("agent_specs"), Path(__file__).parents[1] / "_examples")
"""The example workspace: of a checkout, else of the installed package."""


class Stop(BaseException):
    """A signal asked for the end; `code` is the exit code that fits."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def dev(
    workspace: Annotated[
        Path | None, typer.Argument(help="A folder with specs, published now and whenever a file in it changes.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The API's port; 0 takes a free one.")] = 8321,
    data_dir: Annotated[Path, typer.Option(help="Where databases, uploads and logs live.")] = Path(".girih"),
    demo: Annotated[bool, typer.Option("--demo", help="Show the main job on the examples, then stay up.")] = False,
    examples: Annotated[bool, typer.Option("--examples", help="Start the service the examples call.")] = False,
    workers: Annotated[
        int, typer.Option(min=0, max=16, help="Processes that execute background runs; with 0 the API does.")
    ] = 0,
    once: Annotated[bool, typer.Option("--once", help="Stop when all is published and shown.")] = False,
) -> None:
    """Run everything on this machine: database, queue, worker and API.

    PostgreSQL and Valkey come along unless GIRIH_DATABASE_URL and GIRIH_REDIS_URL name others. What lives in the data
    folder survives; DATA_DIR/dev.json tells other commands where this server is while it runs. Ctrl-C stops all.
    """
    folder = _workspace(workspace, example=demo)
    endpoints = _endpoints(os.environ.get("GIRIH_ENDPOINTS") or "{}")
    require_production(read_settings(), "dev")
    code = 0
    try:
        with _signals(), held_lock(data_dir.absolute() / "dev.lock"):
            code = _run(Session(data_dir.absolute(), port, folder, demo, demo or examples, once, endpoints, workers))
    except Stop as stop:
        code = stop.code
    if code:
        raise typer.Exit(code)


@dataclass(frozen=True)
class Session:
    """What was asked for."""

    data_dir: Path
    port: int
    workspace: Path | None
    demo: bool
    examples: bool
    once: bool
    endpoints: dict[str, str]
    """What GIRIH_ENDPOINTS binds already."""
    workers: int = 0


def _run(session: Session) -> int:
    supervisor = Supervisor(note)
    facts = session.data_dir / "dev.json"
    facts.unlink(missing_ok=True)  # of one that was killed
    try:
        stack = _start(session, supervisor, facts)
        return _work(session, stack)
    finally:
        # A second Ctrl-C must not wait: it ends this process, and the kernel ends its children.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        facts.unlink(missing_ok=True)
        note("stopping")
        supervisor.stop()


def _start(session: Session, supervisor: Supervisor, facts: Path) -> Stack:
    began = time.perf_counter()
    port = choose_port(session.port)
    stack = Stack(session.data_dir, supervisor, {"GIRIH_LOG_FORMAT": "console"} | os.environ)
    note(f"girih dev · data in {session.data_dir}")
    set_master_key(stack.environment, session.data_dir / MASTER_KEY)
    owner_url = stack.start_database()
    stack.start_queue()
    if session.examples:
        stack.environment["GIRIH_ENDPOINTS"] = json.dumps(session.endpoints | {"crm": stack.start_crm()})
    stack.environment |= own_keys(session.data_dir, stack.environment)
    stack.environment.setdefault("GIRIH_SMTP_URL", (session.data_dir / OUTBOX).as_uri())
    app_url = stack.environment["GIRIH_DATABASE_URL"]
    setup = prepare(owner_url, app_url, session.data_dir / "api-key")
    prepared = asyncio.run(setup)  # noqa: TID251 - a process of its own, which keeps no pool afterwards
    note(f"database and queue ready, migrated ({time.perf_counter() - began:.1f} s)")
    url = stack.start_programs(port, session.workers)
    keep = _facts_writer(facts, stack, url, prepared)
    supervisor.changed = keep
    keep()
    stack.environment |= {"GIRIH_URL": url, "GIRIH_API_KEY": prepared.api_key}
    _announce(session, stack, url, prepared, time.perf_counter() - began)
    return stack


def _facts_writer(facts: Path, stack: Stack, url: str, prepared: Prepared) -> Callable[[], None]:
    """Writes dev.json, which other commands read; again when a part was restarted."""

    def write() -> None:
        known = {
            "url": url,
            "api_key": prepared.api_key,
            "database_url": stack.environment["GIRIH_DATABASE_URL"],
            "redis_url": stack.environment["GIRIH_REDIS_URL"],
            "master_key_file": stack.environment.get("GIRIH_MASTER_KEY_FILE", ""),
            "outbox": str(facts.parent / OUTBOX),
            "pids": {"dev": os.getpid()} | stack.supervisor.pids(),
        }
        write_private(facts, json.dumps(known, indent=2) + "\n")

    return write


def _announce(session: Session, stack: Stack, url: str, prepared: Prepared, seconds: float) -> None:
    note(f"worker and API ready ({seconds:.1f} s)")
    note(f"  API  {url}", "ok")
    where = session.data_dir / "dev.json"
    if prepared.is_new:
        note(f"  key  {prepared.api_key}")
        note(f"       shown this once; other commands find it in {where} while this runs")
    if stack.environment["GIRIH_SMTP_URL"].startswith("file:"):
        note(f"  mail goes to {session.data_dir / OUTBOX}, since GIRIH_SMTP_URL is not set")
    if session.data_dir.name != ".girih":
        note(f"       commands elsewhere need GIRIH_URL and GIRIH_API_KEY from {where}")


def _work(session: Session, stack: Stack) -> int:
    """Publish or show, then stay until a signal; the exit code."""
    if session.demo and session.workspace:
        code = tour(session.workspace, stack.environment)
    else:
        code = publish(session.workspace, stack.environment) if session.workspace else 0
    if session.once:
        return code
    note(
        f"running · {'publishing changes in ' + str(session.workspace) if session.workspace else 'no workspace'}"
        " · Ctrl-C stops"
    )
    seen = snapshot(session.workspace) if session.workspace else {}
    while True:
        time.sleep(LOOK_SECONDS)
        if session.workspace is None:
            continue
        now = snapshot(session.workspace)
        if now != seen:
            seen = now
            note(f"{time.strftime('%H:%M:%S')} changed")
            publish(session.workspace, stack.environment)


def _workspace(given: Path | None, *, example: bool) -> Path | None:
    if given is not None:
        if not given.is_dir():
            complain(f"there is no folder {given}", "name a folder with specs, or make one with `girih new`")
            raise typer.Exit(USAGE)
        return given
    found = next((path for path in EXAMPLES if path.is_dir()), None)
    if example and found is None:
        complain("the example workspace is not installed", "name it: girih dev agent_specs --demo")
        raise typer.Exit(FINDINGS)
    return found if example or found == EXAMPLES[0] else None


def _endpoints(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        complain("GIRIH_ENDPOINTS is not a JSON object", 'write it as {"crm": "http://10.0.0.7:8080"}, or unset it')
        raise typer.Exit(USAGE)
    return found


@contextmanager
def _signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the work in an orderly way."""

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        raise Stop(INTERRUPTED if number == signal.SIGINT else 0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
