"""`girih schedules`: which runs the clock starts, when the next ones are, and pausing them."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server, segment
from girih.cli.output import harmless, note


def schedules(
    action: Annotated[
        Literal["list", "pause", "resume", "run", "history", "delete"], typer.Argument(help="What to do.")
    ] = "list",
    schedule: Annotated[str | None, typer.Argument(help="The schedule's id; not for `list`.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List schedules; pause, resume, run, delete one, or show what became of its moments."""
    with open_server() as server:
        if action != "list":
            if schedule is None:
                raise typer.BadParameter(f"`girih schedules {action}` needs the id of a schedule")
            place = f"/v1/schedules/{segment(schedule)}"
            ways = {"delete": ("DELETE", place), "history": ("GET", f"{place}/history")}
            answer = server.call(*ways.get(action, ("POST", f"{place}/{action}")))
            if answer is not None:
                typer.echo(harmless(json.dumps(answer, indent=2, ensure_ascii=False)))
            return
        found = list(server.pages("/v1/schedules"))
    if format == "json":
        typer.echo(json.dumps({"schedules": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        when = one["next_at"] or "paused"
        typer.echo(
            harmless(f"{one['id']}  {one['name']}  {one['cron']} {one['timezone']}  {one['run']['agent']}  {when}")
        )
    if not found:
        note("there are no schedules")
