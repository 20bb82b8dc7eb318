"""`girih history NAME`: where an alias was led, by whom and when."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.asking import shares
from girih.cli.client import open_server, segment
from girih.cli.kept import about, came_from
from girih.cli.output import harmless
from girih.language.spec.tree import JsonObject

_WORDS = {
    "set": "set to",
    "split": "shared:",
    "split_ended": "all to",
    "promoted_automatically": "promoted to",
    "rolled_back": "back to",
    "rolled_back_automatically": "back to",
    "removed": "removed",
}


def history(
    name: Annotated[str, typer.Argument(help="The agent.")],
    alias: Annotated[str, typer.Option("--alias", help="The alias.")] = "prod",
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print it.")] = "text",
) -> None:
    """Show every move of an alias, the newest first."""
    with open_server() as server:
        found = list(server.pages(f"/v1/agents/{segment(name)}/aliases/{segment(alias)}/moves"))
    if format == "json":
        typer.echo(json.dumps({"moves": found}, indent=2, ensure_ascii=False))
        return
    for move in found:
        to = shares(move["weights"]) if move["weights"] else move["version"] or ""
        told = f"{_WORDS[move['reason']]} {to}"
        typer.echo(
            harmless(f"{move['at'][:16].replace('T', ' ')}  {told:<16}  by {move['by']}{_more(move)}{_origin(move)}")
        )


def _origin(move: JsonObject) -> str:
    """Where the version came from, as whoever published it said."""
    told = "  ".join(filter(None, [came_from(move), about(move)]))
    return f"  {told}" if told else ""


def _more(move: JsonObject) -> str:
    """Who asked for it, and what a guard saw."""
    asked = f", asked by {move['proposed_by']}" if move["proposed_by"] else ""
    if not move["figures"]:
        return asked
    new = ", ".join(
        f"{version} failed {one['failed']} of {one['runs']}" for version, one in move["figures"]["new"].items()
    )
    passed = f" passed its {move['passed']}" if move["passed"] else ""
    return f"{asked}:{passed} ({new})"
