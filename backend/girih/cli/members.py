"""`girih members`: who belongs to the organization, with which roles; inviting, changing and ending that."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject

ROLE = "ROLE[@PROJECT|@unit:ID]"
"""How a role is given: it holds in a project, below a unit, or in the whole organization."""

UNIT = "unit:"
"""What stands before the id of a unit where a role holds below it."""


def members(
    action: Annotated[
        Literal["list", "invite", "invitations", "roles", "set", "suspend", "resume", "remove"],
        typer.Argument(help="What to do."),
    ] = "list",
    who: Annotated[str | None, typer.Argument(help="An e-mail address; not for lists.")] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar=ROLE, help="For `invite` and `set`: a role; `set` takes several."),
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List the members of the organization, invite somebody, or say which roles a member has.

    `invite` prints the invitation's token, once: whoever has it becomes a member.
    """
    as_json = format == "json"
    with open_server() as server:
        if action == "list":
            _list(list(server.pages("/v1/members")), as_json=as_json)
        elif action == "roles":
            _roles(list(server.pages("/v1/roles")), as_json=as_json)
        elif action == "invitations":
            _invitations(list(server.pages("/v1/invitations")), as_json=as_json)
        elif who is None:
            fail(f"`girih members {action}` needs an e-mail address", "`girih members` lists the members", code=USAGE)
        elif action == "invite":
            _invite(server, who, role or [])
        else:
            _change(server, action, who, role)


def _invite(server: Server, who: str, roles: list[str]) -> None:
    if len(roles) != 1:
        fail("an invitation is for one role", f"girih members invite {who} --role editor", code=USAGE)
    made = server.call("POST", "/v1/invitations", json={"email": who, **grant_of(roles[0])})
    typer.echo(made["token"])
    note(f"an invitation for {made['email']}, shown this once; it holds until {made['expires_at']}")


def _change(server: Server, action: str, who: str, roles: list[str] | None) -> None:
    found = [one for one in server.pages("/v1/members") if who.lower() in (one["email"], one["id"])]
    if not found:
        fail(f"nobody here has the address '{who}'", "`girih members` lists the members")
    place = f"/v1/members/{segment(found[0]['id'])}"
    if action == "set":
        if roles is None:
            fail("`girih members set` needs at least one --role", f"girih members set {who} --role editor", code=USAGE)
        server.call("PUT", f"{place}/roles", json={"roles": [grant_of(role) for role in roles]})
    elif action == "remove":
        server.call("DELETE", place)
    else:
        server.call("POST", f"{place}/{action}")
    note(f"done: {action} {found[0]['email']}")


def grant_of(role: str) -> JsonObject:
    """A role as it is given: `editor`, `editor@main` in a project, `editor@unit:ID` below a unit."""
    name, at, place = role.partition("@")
    if place.startswith(UNIT):
        return {"role": name, "unit": place.removeprefix(UNIT)}
    return {"role": name, "project": place} if at else {"role": name}


def placed(grant: JsonObject) -> str:
    """A role as it is written: `editor`, `editor@main`, `editor@unit:ID`."""
    place = grant["project"] or (f"{UNIT}{grant['unit']}" if grant.get("unit") else "")
    return f"{grant['role']}@{place}" if place else str(grant["role"])


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"members": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        roles = ", ".join(placed(grant) for grant in one["roles"])
        state = "  suspended" if one["suspended_at"] else ""
        typer.echo(harmless(f"{one['email']}  {one['name']}  {roles or 'no role'}{state}"))
    if not found:
        note("there are no members; girih members invite ADDRESS --role owner")


def _roles(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"roles": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(f"{one['name']}  {' '.join(one['permissions'])}")


def _invitations(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"invitations": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        state = "accepted" if one["accepted_at"] else "revoked" if one["revoked_at"] else f"until {one['expires_at']}"
        typer.echo(harmless(f"{one['email']}  {one['role']}  {state}"))
    if not found:
        note("there are no invitations")
