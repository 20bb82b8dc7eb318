"""`girih runs`: the latest runs, how they stand, and what they wait for."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, open_server
from girih.cli.output import harmless, note
from girih.language.spec.tree import JsonObject

Status = Literal["queued", "running", "interrupted", "succeeded", "failed", "cancelled", "expired"]


def runs(
    agent: Annotated[str | None, typer.Option("--agent", help="Only of this agent.")] = None,
    status: Annotated[Status | None, typer.Option("--status", help="Only those that stand so.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at the most.")] = 20,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> None:
    """List runs, the newest first, with their status and what they wait for."""
    given = {"agent": agent, "status": status, "limit": min(limit, 200)}
    with open_server() as server:
        found = list(islice(server.pages("/v1/runs", **{name: v for name, v in given.items() if v is not None}), limit))
        for run in found:
            if run["status"] == "interrupted":
                run["waits"] = _waits(server, run["id"])
    if as_json or format == "json":
        typer.echo(json.dumps({"runs": found}, indent=2, ensure_ascii=False))
        return
    for run in found:
        typer.echo(harmless(_line(run)))
    if not found:
        note("there are no runs like that")


def _waits(server: Server, run_id: str) -> list[JsonObject]:
    page = server.call("GET", f"/v1/runs/{run_id}/interrupts")
    return [one for one in page["items"] if one["state"] == "open"]


def _line(run: JsonObject) -> str:
    made = run["created_at"][:16].replace("T", " ")
    parts = [f"{run['id']}  {run['status']:<11} {made}  {run['agent']} {run['version']}"]
    if run["attempt"] > 1:
        parts.append(f"attempt {run['attempt']}")
    if run.get("error"):
        parts.append(f"{run['error'].get('kind')}: {run['error'].get('message')}"[:120])
    parts += [f"waits in {one['node']}: {one['message']}"[:120] for one in run.get("waits", ())]
    return "  ".join(parts)
