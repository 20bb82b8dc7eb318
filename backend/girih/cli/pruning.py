"""The options of commands that delete what a folder does not name."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.client import fail
from girih.cli.output import USAGE

Prune = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Also delete what the project has and the folder does not name, if nothing published refers to it.",
    ),
]
PruneData = Annotated[
    bool, typer.Option("--prune-data", help="With --prune, also collections that hold documents, with these.")
]


def pruning(*, prune: bool, data: bool) -> dict[str, bool]:
    """As the API takes them. Ends the command for one without the other."""
    if data and not prune:
        fail("--prune-data means nothing without --prune", "give both", code=USAGE)
    return {"prune": prune, "prune_data": data}
