"""`girih interrupts`: what runs wait for, and how to answer it."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server
from girih.cli.forms import described
from girih.cli.output import harmless, note


def interrupts(
    agent: Annotated[str | None, typer.Option("--agent", help="Only of this agent.")] = None,
    kind: Annotated[
        Literal["ask", "approve", "timer", "event", "tool", "breakpoint"] | None,
        typer.Option("--kind", help="Only of this kind."),
    ] = None,
    node: Annotated[str | None, typer.Option("--node", help="Only of this node.")] = None,
    all_projects: Annotated[bool, typer.Option("--all-projects", help="Of the whole organization.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List what is open, the oldest first; without --kind, what people can answer."""
    given = {"agent": agent, "kind": kind, "node": node, "all_projects": all_projects or None}
    with open_server() as server:
        found = list(
            server.pages("/v1/interrupts", **{name: value for name, value in given.items() if value is not None})
        )
    if format == "json":
        typer.echo(json.dumps({"interrupts": found}, indent=2, ensure_ascii=False))
        return
    for one in found:
        typer.echo(harmless("\n".join([f"run {one['run_id']} of {one['agent']}", *described(one["run_id"], one)])))
    if not found:
        note("nothing is open")
