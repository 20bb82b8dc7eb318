"""`girih protect NAME`: lets moves of an alias wait for a second person."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.client import open_server, segment


def protect(
    name: Annotated[str | None, typer.Argument(help="The agent. Default: all of them, also those to come.")] = None,
    alias: Annotated[str, typer.Option("--alias", help="The alias.")] = "prod",
    off: Annotated[bool, typer.Option("--off", help="Let moves happen at once again.")] = False,
) -> None:
    """Protect an alias: to publish under it, share its traffic out or remove it, a second person has to approve.

    `girih rollback` goes on working at once: it leads back to where the alias has been.
    """
    path = f"/v1/alias-protections/{segment(alias)}"
    if name is not None:
        path = f"/v1/agents/{segment(name)}/aliases/{segment(alias)}/protection"
    with open_server() as server:
        server.call("DELETE" if off else "PUT", path)
    place = f"{name}@{alias}" if name is not None else f"{alias} of every agent"
    typer.echo(f"{place} is {'no longer protected' if off else 'protected'}")
