"""`girih publish NAME`: points an alias of an agent at one of its versions."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.client import open_server, segment


def publish(
    name: Annotated[str, typer.Argument(help="The agent.")],
    version: Annotated[str | None, typer.Option("--version", help="A version. Default: the newest.")] = None,
    alias: Annotated[str, typer.Option("--alias", help="The alias to move.")] = "prod",
) -> None:
    """Point an alias at a version: what callers of NAME@ALIAS get from now on. To roll back, name an older version.

    Runs that were started before keep the version they started on.
    """
    with open_server() as server:
        wanted = version or server.call("GET", f"/v1/agents/{segment(name)}")["version"]
        path = f"/v1/agents/{segment(name)}/aliases/{segment(alias)}"
        moved = server.call("PUT", path, json={"version": wanted})
    typer.echo(f"{name}@{alias} is now {moved['aliases'][alias]}")
