"""`girih rollback NAME`: leads an alias of an agent back to the version it pointed at before."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.client import open_server, segment


def rollback(
    name: Annotated[str, typer.Argument(help="The agent.")],
    alias: Annotated[str, typer.Option("--alias", help="The alias to lead back.")] = "prod",
) -> None:
    """Lead an alias back to the version it pointed at before; called again, to the one before that.

    Runs that were started before keep the version they started on. Exit code 5 where it never pointed elsewhere.
    """
    with open_server() as server:
        moved = server.call("POST", f"/v1/agents/{segment(name)}/aliases/{segment(alias)}/rollback")
    typer.echo(f"{name}@{alias} is {moved['aliases'][alias]} again")
