"""`girih approve ID`: lets a move of a protected alias happen that somebody else asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.asking import wanted
from girih.cli.client import open_server, segment
from girih.cli.output import harmless


def approve(
    id: Annotated[str, typer.Argument(metavar="ID", help="The move, as `girih approvals` lists it.")],
    comment: Annotated[str | None, typer.Option("--comment", help="Why; it is kept.")] = None,
) -> None:
    """Approve a move of a protected alias. Who asked for it cannot, nor a key that the same person made.

    Exit code 5 where it was decided on, is past its time, or the alias has moved since it was asked for.
    """
    with open_server() as server:
        done = server.call("POST", f"/v1/alias-proposals/{segment(id)}/approve", json={"comment": comment})
    typer.echo(harmless(f"approved: {wanted(done)}"))
