"""`girih service-accounts`: programs that have roles, and the keys they call with."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.members import ROLE, grant_of, placed
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject


def service_accounts(
    action: Annotated[
        Literal["list", "create", "set", "suspend", "resume", "delete", "keys", "key"],
        typer.Argument(help="What to do."),
    ] = "list",
    name: Annotated[str | None, typer.Argument(help="The service account; not for `list`.")] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar=ROLE, help="For `create` and `set`: its roles.")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", help="For `create`: the only one it is for.")] = None,
    permission: Annotated[
        list[str] | None, typer.Option("--permission", help="For `key`: what it may do of what the account may.")
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List service accounts, make one, say which roles it has, suspend or delete it, list and make its keys.

    `key` prints a new key of the account to the project, once. It never may more than the account may at that moment.
    """
    with open_server() as server:
        if action == "list":
            _list(list(server.pages("/v1/service-accounts")), as_json=format == "json")
        elif name is None:
            fail(f"`girih service-accounts {action}` needs a name", "`girih service-accounts` lists them", code=USAGE)
        elif action == "create":
            body = {"name": name, "project": project, "roles": [grant_of(one) for one in role or []]}
            made = server.call("POST", "/v1/service-accounts", json=body)
            note(f"{made['name']} is there; girih service-accounts key {name}")
        else:
            _change(server, action, _found(server, name), role or [], permission)


def _found(server: Server, name: str) -> JsonObject:
    found = [one for one in server.pages("/v1/service-accounts") if name in (one["name"], one["id"])]
    if not found:
        fail(f"no service account '{name}'", "`girih service-accounts` lists them")
    return found[0]


def _change(server: Server, action: str, account: JsonObject, roles: list[str], permissions: list[str] | None) -> None:
    place = f"/v1/service-accounts/{segment(account['id'])}"
    if action == "key":
        made = server.call("POST", f"{place}/keys", json={"name": account["name"], "permissions": permissions})
        typer.echo(made["key"])
        note(f"a key of {account['name']}, shown this once")
        return
    if action == "keys":
        for one in server.pages(f"{place}/keys"):
            state = "revoked" if one["revoked_at"] else "holds"
            typer.echo(harmless(f"{one['id']}  {one['name']}  {state}"))
        return
    if action == "set":
        server.call("PUT", f"{place}/roles", json={"roles": [grant_of(one) for one in roles]})
    elif action == "delete":
        server.call("DELETE", place)
    else:
        server.call("POST", f"{place}/{action}")
    note(f"done: {action} {account['name']}")


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"service_accounts": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        where = f"  in {one['project']} only" if one["project"] else ""
        state = "  suspended" if one["suspended_at"] else ""
        roles = ", ".join(placed(grant) for grant in one["roles"])
        typer.echo(harmless(f"{one['name']}  {roles or 'no role'}{where}{state}"))
    if not found:
        note("there are no service accounts; girih service-accounts create NAME --role editor")
