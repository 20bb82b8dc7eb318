"""`girih schedules`: which runs the clock starts, when the next ones are, making and pausing them."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.inputs import given_inputs
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject

_WAYS = {"delete": ("DELETE", ""), "history": ("GET", "/history")}


def schedules(
    action: Annotated[
        Literal["list", "create", "pause", "resume", "run", "history", "delete"], typer.Argument(help="What to do.")
    ] = "list",
    schedule: Annotated[
        str | None, typer.Argument(help="The schedule's id; for `create` the name of the new one; not for `list`.")
    ] = None,
    cron: Annotated[str | None, typer.Option("--cron", help="For `create`: when, as `30 7 * * 1-5`.")] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="For `create`: what to run.")] = None,
    input: Annotated[
        list[str] | None,
        typer.Option("--input", "-i", metavar="NAME=VALUE", help="For `create`: one input; may be repeated."),
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="For `create`: whose clock.")] = "UTC",
    overlap: Annotated[
        Literal["skip", "allow"],
        typer.Option("--overlap", help="For `create`: at a moment when the run before it has not ended."),
    ] = "skip",
    catch_up: Annotated[
        Literal["none", "last", "all"],
        typer.Option("--catch-up", help="For `create`: which missed moments to make up for."),
    ] = "last",
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List schedules; create, pause, resume, run, delete one, or show what became of its moments."""
    with open_server() as server:
        if action == "create":
            given = {"cron": cron, "timezone": timezone, "overlap": overlap, "catch_up": catch_up}
            _create(server, {"name": schedule, **given}, agent, input or [])
        elif action != "list":
            _act(server, action, schedule)
        else:
            _list(list(server.pages("/v1/schedules")), as_json=format == "json")


def _create(server: Server, body: JsonObject, agent: str | None, inputs: list[str]) -> None:
    if body["name"] is None or body["cron"] is None or agent is None:
        fail(
            "a schedule needs a name, --cron and --agent",
            "girih schedules create nightly --cron '0 3 * * *' --agent NAME",
            code=USAGE,
        )
    run = {"agent": agent, "inputs": given_inputs(server, agent, inputs, None)}
    made = server.call("POST", "/v1/schedules", json=body | {"run": run})
    typer.echo(made["id"])
    note(f"the first run is due at {made['next_at']}")


def _act(server: Server, action: str, schedule: str | None) -> None:
    if schedule is None:
        fail(f"`girih schedules {action}` needs the id of a schedule", "`girih schedules` lists them", code=USAGE)
    method, place = _WAYS.get(action, ("POST", f"/{action}"))
    answer = server.call(method, f"/v1/schedules/{segment(schedule)}{place}")
    if answer is not None:
        typer.echo(harmless(json.dumps(answer, indent=2, ensure_ascii=False)))


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"schedules": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        when = one["next_at"] or "paused"
        typer.echo(
            harmless(f"{one['id']}  {one['name']}  {one['cron']} {one['timezone']}  {one['run']['agent']}  {when}")
        )
    if not found:
        note("there are no schedules")
