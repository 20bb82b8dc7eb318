"""`girih history NAME`: where an alias was led, by whom and when."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server, segment
from girih.cli.output import harmless

_WORDS = {"set": "set to", "rolled_back": "back to", "removed": "removed"}


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
        told = f"{_WORDS[move['reason']]} {move['version'] or ''}"
        typer.echo(harmless(f"{move['at'][:16].replace('T', ' ')}  {told:<16}  by {move['by']}"))
