"""`girih approvals`: which moves of protected aliases wait for a second person."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.asking import wanted
from girih.cli.client import open_server
from girih.cli.output import harmless, note
from girih.language.spec.tree import JsonObject


def approvals(
    all: Annotated[
        bool, typer.Option("--all", help="Also those that were decided on, or are past their time.")
    ] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List the moves of protected aliases that wait for somebody other than who asked for them, the newest first."""
    with open_server() as server:
        found = list(server.pages("/v1/alias-proposals", open=not all))
    if format == "json":
        typer.echo(json.dumps({"proposals": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(harmless(_line(one)))
    if not found:
        note("no move waits for a second person")


def _line(proposal: JsonObject) -> str:
    said = f"  “{proposal['comment']}”" if proposal["comment"] else ""
    state = "" if proposal["state"] == "open" else f"  {proposal['state']}"
    decided = f" by {proposal['decided_by']}" if proposal["decided_by"] else ""
    return f"{proposal['id']}  {wanted(proposal)}  asked by {proposal['proposed_by']}{state}{decided}{said}"
