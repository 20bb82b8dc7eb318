"""`girih threads`: which threads there are, how they stand, and what one of them holds."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server, segment
from girih.cli.output import harmless, note


def threads(
    thread: Annotated[str | None, typer.Argument(help="Show what this thread holds.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Make a thread and print its id.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the thread, with its states and runs.")] = False,
    status: Annotated[
        Literal["idle", "busy", "interrupted", "error"] | None,
        typer.Option("--status", help="Only those that stand so."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at the most.")] = 20,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List threads, the newest first; or make, show or delete one."""
    with open_server() as server:
        if new:
            typer.echo(server.call("POST", "/v1/threads", json={})["id"])
            return
        if thread is not None:
            place = f"/v1/threads/{segment(thread)}"
            shown = server.call("DELETE", place) if delete else server.call("GET", f"{place}/state")
            if not delete:
                typer.echo(harmless(json.dumps(shown["state"], indent=2, ensure_ascii=False)))
            return
        given = {"limit": min(limit, 200)} | ({"status": status} if status else {})
        found = list(islice(server.pages("/v1/threads", **given), limit))
    if format == "json":
        typer.echo(json.dumps({"threads": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(harmless(f"{one['id']}  {one['status']:<11}  {one['agent'] or '-'}  {one['updated_at']}"))
    if not found:
        note("there are no threads like that")
