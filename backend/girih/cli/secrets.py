"""`girih secrets`: set, list and delete secrets of a project, and rotate the keys of an installation."""

from __future__ import annotations

import getpass
import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject


def secrets(
    action: Annotated[Literal["list", "set", "delete", "rotate"], typer.Argument(help="What to do.")] = "list",
    name: Annotated[str | None, typer.Argument(help="The secret, for `set` and `delete`.")] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from-file", help="For `set`: a file with the value, taken as it is.")
    ] = None,
    from_env: Annotated[
        str | None, typer.Option("--from-env", metavar="VARIABLE", help="For `set`: a variable that holds the value.")
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            help="For `set`: a host that it may be sent to, such as api.example.com or *.example.com; may be repeated."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="For `delete`: also what something published names.")] = False,
    master: Annotated[
        bool, typer.Option("--master", help="For `rotate`: wrap all data keys with the present GIRIH_MASTER_KEY.")
    ] = False,
    keys: Annotated[
        bool, typer.Option("--data", help="For `rotate`: make new data keys, and encrypt everything with them.")
    ] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List the project's secrets, set or delete one; a value is never shown and never an argument.

    `set` takes the value from a prompt, from standard input, a file or a variable. `rotate` is for operators: it works
    on the database (GIRIH_DATABASE_URL) with the master keys of the servers.
    """
    if action == "rotate":
        _rotate(master=master, keys=keys)
        return
    if action != "list" and name is None:
        fail(f"`girih secrets {action}` needs the name of a secret", f"girih secrets {action} crm.key", code=USAGE)
    with open_server() as server:
        if action == "set":
            _set(server, name or "", _value(from_file, from_env), host)
        elif action == "delete":
            where = f"/v1/secrets/{segment(name or '')}"
            server.call("DELETE", where, params={"force": "true"} if force else {})
            note(f"{name} is deleted")
        else:
            _list(server.call("GET", "/v1/secrets")["items"], as_json=format == "json")


def _set(server: Server, name: str, value: str, hosts: list[str] | None) -> None:
    given: JsonObject = {"value": value} | ({"hosts": hosts} if hosts else {})
    made = server.call("PUT", f"/v1/secrets/{segment(name)}", json=given)
    note(f"{made['name']} is set, version {made['version']}, for {_hosts(made['hosts'])}")


def _rotate(*, master: bool, keys: bool) -> None:
    if master == keys:
        way_out = "`girih secrets --help` says what each does"
        fail("`girih secrets rotate` needs --master or --data", way_out, code=USAGE)
    try:
        # Only now: it needs what a command of a client does not have.
        rotation = import_module("girih.cli.key_rotation")
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] == "girih":
            raise
        fail(f"to rotate keys needs the package '{fault.name}'", "pip install 'girih[server]'")
    note(rotation.rotate(master=master))


def _value(from_file: Path | None, from_env: str | None) -> str:
    """The value, from where it was asked for; a line's end behind what was typed or piped is none of it."""
    if from_file is not None and from_env is not None:
        fail("--from-file and --from-env exclude each other", "give one of them", code=USAGE)
    if from_env is not None:
        if from_env not in os.environ:
            fail(f"the variable {from_env} is not set", "name one that is", code=USAGE)
        return os.environ[from_env]
    if from_file is None:
        return (getpass.getpass("value: ") if sys.stdin.isatty() else sys.stdin.read()).rstrip("\r\n")
    try:
        return from_file.read_text()
    except (OSError, UnicodeDecodeError):
        fail(f"{from_file} cannot be read as text", "name a file in UTF-8", code=USAGE)


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"secrets": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        used = f"used {_day(one['used_at'])}" if one["used_at"] else "never used"
        used = f"for {_hosts(one['hosts'])}  {used}"
        users = ", ".join(f"{user['kind']} {user['name']}" for user in one["used_by"]) or "nothing names it"
        typer.echo(
            harmless(f"{one['name']}  v{one['version']}  set {_day(one['set_at'])} by {one['set_by']}  {used}  {users}")
        )
    if not found:
        note("the project has stored no secret")


def _hosts(hosts: list[str] | None) -> str:
    if hosts is None:
        return "any host (set it again with --host)"
    return ", ".join(hosts) or "the operator's endpoints"


def _day(moment: str) -> str:
    return moment[:16].replace("T", " ")
