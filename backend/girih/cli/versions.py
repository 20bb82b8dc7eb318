"""`girih versions NAME`: every version of an agent, newest first, with the aliases that point at it."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server, segment


def versions(
    name: Annotated[str, typer.Argument(help="The agent.")],
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List an agent's versions, newest first, with the aliases that point at each."""
    with open_server() as server:
        found = list(server.pages(f"/v1/agents/{segment(name)}/versions"))
    if format == "json":
        typer.echo(json.dumps({"versions": found}, indent=2, ensure_ascii=False))
        return
    for item in found:
        aliases = ", ".join(item.get("aliases") or [])
        made = item["created_at"][:16].replace("T", " ")
        typer.echo(f"{item['version']:<10} {item['digest'][:19]}  {made}  {aliases}".rstrip())
