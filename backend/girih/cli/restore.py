"""`girih restore NAME@VERSION`: takes back that a version is deprecated or yanked."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.marking import mark


def restore(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="The version.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept with the version's marks.")],
) -> None:
    """Take back that a version is deprecated or yanked. Exit code 5 where it is neither."""
    mark(version, "restore", reason=reason)
