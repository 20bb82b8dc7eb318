"""`girih keys`: make, list, rotate and revoke the API keys of a project."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject

_ID = re.compile(r"[0-9a-fA-F-]{36}")
_Many = list[str] | None


def keys(
    action: Annotated[Literal["list", "create", "rotate", "revoke"], typer.Argument(help="What to do.")] = "list",
    name: Annotated[str | None, typer.Argument(help="The name of a new key, else the id or the name of one.")] = None,
    scope: Annotated[
        _Many, typer.Option(help="What it is for: run, read, publish, ingest, audit, admin; may be repeated.")
    ] = None,
    permission: Annotated[_Many, typer.Option(help="A single permission, such as usage:read; may be repeated.")] = None,
    agent: Annotated[
        _Many, typer.Option(help="An agent it is for, by name or as name*; may be repeated. Default: all.")
    ] = None,
    project: Annotated[_Many, typer.Option(help="Another project it is for, too; may be repeated.")] = None,
    network: Annotated[
        _Many, typer.Option(help="Where it may come from, such as 192.0.2.0/24; may be repeated. Default: anywhere.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="So many days it holds.")] = None,
    per_minute: Annotated[int | None, typer.Option(min=1, help="Requests a minute it may send.")] = None,
    runs_at_once: Annotated[int | None, typer.Option(min=1, help="Runs it may have at once.")] = None,
    overlap: Annotated[
        int, typer.Option(min=0, help="For `rotate`: minutes for which the former key still holds.")
    ] = 60,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List the project's API keys, make one, put another one in the place of one, or end one.

    A new key is printed once, alone on standard output. It may do nothing that the key you use may not.
    """
    if action != "list" and name is None:
        fail(f"`girih keys {action}` needs a name", f"girih keys {action} ci", code=USAGE)
    with open_server() as server:
        if action == "list":
            _list(server.call("GET", "/v1/keys")["items"], as_json=format == "json")
        elif action == "revoke":
            server.call("DELETE", f"/v1/keys/{segment(_id(server, name or ''))}")
            note(f"{name} is revoked: within five seconds it opens nothing any more")
        elif action == "rotate":
            where = f"/v1/keys/{segment(_id(server, name or ''))}/rotate"
            _show(server.call("POST", where, json={"overlap_minutes": overlap}), as_json=format == "json")
        else:
            lists = {"scopes": scope, "permissions": permission, "agents": agent, "projects": project}
            numbers = {"expires_in_days": days, "requests_per_minute": per_minute, "runs_at_once": runs_at_once}
            asked: JsonObject = {"name": name, **lists, "networks": network, **numbers}
            body = {key: value for key, value in asked.items() if value is not None}
            _show(server.call("POST", "/v1/keys", json=body), as_json=format == "json")


def _id(server: Server, given: str) -> str:
    """The id of a key that still holds, by its id or by a name that one of them alone has."""
    if _ID.fullmatch(given):
        return given
    found = [
        one["id"]
        for one in server.call("GET", "/v1/keys")["items"]
        if one["name"] == given and one["revoked_at"] is None and one["replaced_by"] is None
    ]
    if len(found) != 1:
        what = "several keys are" if found else "no key that holds is"
        fail(f"{what} called {given}", "`girih keys` lists them with their ids")
    return str(found[0])


def _show(made: JsonObject, *, as_json: bool) -> None:
    """Print a key that was made: this once."""
    if as_json:
        typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
        return
    note(f"{made['name']} ({made['id']}), for {_limits(made)}; it is not shown again")
    typer.echo(made["key"])


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"keys": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        used = f"used {_day(one['last_used_at'])}" if one["last_used_at"] else "never used"
        typer.echo(harmless(f"{one['id']}  {one['name']}  {_standing(one)}  {used}  {_limits(one)}"))


def _standing(one: JsonObject) -> str:
    if one["revoked_at"]:
        return f"revoked {_day(one['revoked_at'])}"
    return f"until {_day(one['expires_at'])}" if one["expires_at"] else "no end"


def _limits(one: JsonObject) -> str:
    """What a key is limited to, in words."""
    said = [", ".join(one["agents"]) or "all agents"]
    said += [f"also in {', '.join(one['projects'])}"] if one["projects"] else []
    said += [f"from {', '.join(one['networks'])}"] if one["networks"] else []
    said += [f"{one['requests_per_minute']} requests a minute"] if one["requests_per_minute"] else []
    said += [f"{one['runs_at_once']} runs at once"] if one["runs_at_once"] else []
    return "; ".join(said)


def _day(moment: object) -> str:
    return str(moment)[:10]
