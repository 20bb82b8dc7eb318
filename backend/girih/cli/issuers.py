"""`girih issuers`: which issuers' tokens a project takes; trusting another, and trusting one no longer."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject


def issuers(
    action: Annotated[Literal["list", "trust", "remove"], typer.Argument(help="What to do.")] = "list",
    issuer: Annotated[str | None, typer.Argument(help="The issuer's address, or an id for `remove`.")] = None,
    audience: Annotated[str | None, typer.Option(help="What its tokens have to say they are for.")] = None,
    party: Annotated[bool, typer.Option("--party", help="They say it in `azp` (Clerk: the app's origin).")] = False,
    role: Annotated[str, typer.Option(help="What its users may do in this project.")] = "editor",
    user_claim: Annotated[str, typer.Option(help="Where a token names its user.")] = "sub",
    groups_claim: Annotated[str | None, typer.Option(help="Where it names the user's groups.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List the issuers whose tokens the project takes, trust another, or one no longer."""
    with open_server() as server:
        if action == "list":
            _list(list(server.pages("/v1/trusted-issuers")), as_json=format == "json")
        elif issuer is None:
            fail(
                f"`girih issuers {action}` needs an issuer", "`girih issuers` lists those that are trusted", code=USAGE
            )
        elif action == "remove":
            _remove(server, issuer)
        elif audience is None:
            fail("for whom are its tokens?", f"girih issuers trust {issuer} --audience my-app", code=USAGE)
        else:
            said = {"audience": audience, "audience_claim": "azp" if party else "aud", "role": role}
            _trust(server, {"issuer": issuer, **said, "user_claim": user_claim, "groups_claim": groups_claim})


def _trust(server: Server, body: JsonObject) -> None:
    made = server.call("POST", "/v1/trusted-issuers", json=body)
    typer.echo(made["id"])
    note(f"tokens of {made['issuer']} for {made['audience']} are taken: their users have the role {made['role']}")


def _remove(server: Server, named: str) -> None:
    found = [one for one in server.pages("/v1/trusted-issuers") if named in (one["issuer"], one["id"])]
    if not found:
        fail(f"'{named}' is not trusted here", "`girih issuers` lists those that are")
    if len(found) > 1:
        fail(f"{named} is trusted for several audiences", "name one by its id: `girih issuers`", code=USAGE)
    server.call("DELETE", f"/v1/trusted-issuers/{segment(found[0]['id'])}")
    note(f"tokens of {found[0]['issuer']} for {found[0]['audience']} are taken no longer")


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"issuers": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(harmless(f"{one['id']}  {one['issuer']}  {one['audience']}  {one['role']}"))
    if not found:
        note("no issuer is trusted; girih issuers trust ADDRESS --audience APP")
