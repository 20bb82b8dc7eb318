"""`girih organization`: its name, its units, an export of all it has, its end; and what operators do to one."""

from __future__ import annotations

import json
import time
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject

Action = Literal["show", "rename", "export", "units", "unit", "assign", "delete", "suspend", "resume", "restore"]

_LOOK_SECONDS = 1.0


def organization(
    action: Annotated[Action, typer.Argument(help="What to do.")] = "show",
    name: Annotated[
        str | None, typer.Argument(help="For all but `show`, `export` and `units`: a name; for `assign`: a project.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", metavar="ID", help="For `unit` and `assign`: the unit it shall be below.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="For `export`: the file to write.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print it.")] = "text",
) -> None:
    """Show the organization, rename it, export all it has, or delete it; list and make units, put projects below them.

    `delete` takes the organization's name, and can be taken back for a while. `suspend`, `resume` and `restore` are for
    operators: they work on the database (GIRIH_DATABASE_URL), on the organization of that name.
    """
    if action in ("suspend", "resume", "restore"):
        _operate(action, _required(action, name))
        return
    with open_server() as server:
        if action == "export":
            _export(server, output)
        elif action == "units":
            _units(list(server.pages("/v1/units")), as_json=format == "json")
        elif action == "show":
            _show(server.call("GET", "/v1/organization"), as_json=format == "json")
        else:
            _change(server, action, _required(action, name), unit)


def _required(action: str, name: str | None) -> str:
    if name is None:
        fail(f"`girih organization {action}` needs a name", f"girih organization {action} NAME", code=USAGE)
    return name


def _change(server: Server, action: str, name: str, unit: str | None) -> None:
    if action == "rename":
        made = server.call("PATCH", "/v1/organization", json={"name": name})
        note(f"the organization is called {made['name']} now")
    elif action == "unit":
        made = server.call("POST", "/v1/units", json={"name": name, "parent": unit})
        typer.echo(made["id"])
    elif action == "assign":
        found = [one for one in server.pages("/v1/projects") if name in (one["name"], one["id"])]
        if not found:
            fail(f"no project '{name}'", "name a project of the organization")
        server.call("PUT", f"/v1/projects/{segment(found[0]['id'])}/unit", json={"unit": unit})
        note(f"{found[0]['name']} is below {unit or 'no unit'}")
    else:
        ended = server.call("DELETE", "/v1/organization", params={"name": name})
        note(f"{name} is closed; everything in it is removed after {ended['deletes_at']}, if nobody takes that back")


def _export(server: Server, output: Path | None) -> None:
    if output is None:
        fail("`girih organization export` needs --output", "girih organization export --output all.zip", code=USAGE)
    made = server.call("POST", "/v1/organization/export")
    place = f"/v1/organization/exports/{segment(made['id'])}"
    while made["status"] in ("queued", "running"):
        time.sleep(_LOOK_SECONDS)
        made = server.call("GET", place)
    if made["status"] != "ready":
        fail(f"the export is {made['status']}", "try again; if it stays so, look into the server's log")
    server.save(f"{place}/content", output)
    note(f"{output}: {made['size']} bytes, sha256 {made['sha256']}")


def _show(found: JsonObject, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo(harmless(f"{found['name']}  {found['id']}"))


def _units(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"units": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(harmless(f"{' / '.join(one['path'])}  {one['id']}"))
    if not found:
        note("there are no units; girih organization unit NAME")


def _operate(action: str, name: str) -> None:
    try:
        # Only now: it needs what a command of a client does not have.
        operation = import_module("girih.cli.organization_operation")
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] == "girih":
            raise
        fail(f"to {action} an organization needs the package '{fault.name}'", "pip install 'girih[server]'")
    note(operation.operate(action, name))
