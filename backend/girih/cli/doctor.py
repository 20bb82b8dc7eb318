"""`girih doctor`: what girih needs on this machine and around it, looked at one by one."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import httpx
import typer

from girih.cli.client import nearest_dev
from girih.cli.doctor_checks import Check, Surroundings, failed, fine, skipped, warned
from girih.cli.output import FINDINGS, UNREACHABLE, data, painted, wants_color
from girih.language.spec.tree import JsonObject

PARTS = (
    "alembic",
    "asyncpg",
    "celery",
    "fastapi",
    "langchain_core",
    "langgraph",
    "redis",
    "sqlalchemy",
    "uvicorn",
)
"""What `girih[server]` brings along, as far as everything else depends on it."""

_MARKS = {"ok": ("ok", "✓"), "warning": ("warning", "!"), "failed": ("error", "✗"), "skipped": ("message", "-")}
_START_ONE = "start one with `girih dev`, or set GIRIH_URL and GIRIH_API_KEY"


def doctor(
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="For people, or for programs.")] = "text",
    policies: Annotated[
        bool, typer.Option("--policies", help="Print what each route of the server asks for, and which roles have it.")
    ] = False,
) -> None:
    """Check what girih needs: Python, its parts, the server, database, queue, worker and models.

    Exit code 4 if something does not answer, 1 if something else is wrong.
    """
    if policies:
        import_module("girih.cli.policies").show_policies(as_json=format == "json")
        return
    checks: list[Check] = []
    color = wants_color(sys.stdout)
    for check in _all(_surroundings()):
        checks.append(check)
        if format == "text":
            style, mark = _MARKS[check.status]
            data(painted([(style, mark), ("message", f" {check.name:<10} {check.message}")], color=color) + "\n")
            if check.help:
                data(painted([("help", f"  {'':<10} help: {check.help}")], color=color) + "\n")
    if format == "json":
        data(json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=2) + "\n")
    wrong = [check for check in checks if check.status == "failed"]
    if wrong:
        raise typer.Exit(UNREACHABLE if any(check.unreachable for check in wrong) else FINDINGS)


def _surroundings() -> Surroundings:
    """Where to look: the environment first, then a `girih dev` that runs in this folder or above it."""
    dev: JsonObject = nearest_dev(Path.cwd()) or {}

    def known(variable: str, name: str) -> str:
        return os.environ.get(variable) or str(dev.get(name, ""))

    return Surroundings(
        url=known("GIRIH_URL", "url").rstrip("/"),
        api_key=known("GIRIH_API_KEY", "api_key"),
        database_url=known("GIRIH_DATABASE_URL", "database_url"),
        redis_url=known("GIRIH_REDIS_URL", "redis_url"),
    )


def _all(around: Surroundings) -> Iterator[Check]:
    yield _python()
    missing = [name for name in PARTS if find_spec(name) is None]
    if missing:
        way_out = "to run a server here: pip install 'girih[server]'"
        yield warned("parts", f"not installed: {', '.join(missing)}", way_out)
    else:
        yield fine("parts", "all of girih[server] is installed")
    yield from _server(around)
    if missing:
        return
    # Only now: these need what may not be installed.
    yield from import_module("girih.cli.doctor_server").server_checks(around)


def _python() -> Check:
    return fine("python", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")


def _server(around: Surroundings) -> Iterator[Check]:
    if not around.url:
        yield failed("server", "no girih server is known here", _START_ONE, unreachable=True)
        return
    local = httpx.URL(around.url).host in ("127.0.0.1", "localhost", "::1")
    headers = {"authorization": f"Bearer {around.api_key}"} if around.api_key else {}
    with httpx.Client(base_url=around.url, timeout=5, trust_env=not local) as http:
        try:
            version = http.get("/version").json()["version"]
            ready = http.get("/readyz").json()
            key = http.get("/v1/agents", headers=headers)
            signing = http.get("/v1/signing-keys", headers=headers)
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            yield failed("server", f"no girih server answers at {around.url}", _START_ONE, unreachable=True)
            return
    yield fine("server", f"girih {version} at {around.url}")
    for part in ("database", "migrations", "queue"):
        if ready.get(part) != "ok":
            yield failed("server", f"its {part}: {ready.get(part)}", "look into its log", unreachable=True)
    yield _key(around, key.status_code)
    yield _signing(signing)


def _key(around: Surroundings, status: int) -> Check:
    if not around.api_key:
        return failed("key", "no key is known here", "set GIRIH_API_KEY", unreachable=True)
    if status in (401, 403):
        return failed("key", f"the key does not hold at {around.url}", "set GIRIH_API_KEY to another", unreachable=True)
    return fine("key", "it holds") if status < 400 else skipped("key", f"the server answered {status}")


def _signing(answer: httpx.Response) -> Check:
    """Whether the server signs what it publishes."""
    if not answer.is_success:
        return skipped("signing", f"the server answered {answer.status_code}")
    try:
        current = answer.json()["current"]
    except (ValueError, KeyError, TypeError):
        return skipped("signing", "the server does not say whether it signs versions")
    if current is None:
        return warned("signing", "versions are not signed", "set GIRIH_SIGNING_KEY on the server to an Ed25519 key")
    return fine("signing", f"versions are signed with the key {current}")
