"""`girih refuse ID`: lets a move of a protected alias not happen; who asked for it withdraws it."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.asking import wanted
from girih.cli.client import fail, open_server, segment
from girih.cli.output import USAGE, harmless


def refuse(
    id: Annotated[str, typer.Argument(metavar="ID", help="The move, as `girih approvals` lists it.")],
    comment: Annotated[str | None, typer.Option("--comment", help="Why; it is kept.")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="You asked for it, and do so no longer.")] = False,
) -> None:
    """Refuse a move of a protected alias, or with --withdraw ask for it no longer. Either is final."""
    if withdraw and comment is not None:
        fail("what is withdrawn takes no comment", "leave --comment out", code=USAGE)
    path = f"/v1/alias-proposals/{segment(id)}"
    with open_server() as server:
        if withdraw:
            done = server.call("DELETE", path)
        else:
            done = server.call("POST", f"{path}/refuse", json={"comment": comment})
    typer.echo(harmless(f"{done['state']}: {wanted(done)}"))
