"""`girih deprecate NAME@VERSION`: says that a version should be used no more."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.marking import mark


def deprecate(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="The version.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; callers read it.")],
    replaced_by: Annotated[
        str | None, typer.Option("--replaced-by", metavar="NAME@VERSION", help="What to use instead.")
    ] = None,
) -> None:
    """Say that a version should be used no more. It goes on running; whoever names it or runs it is told."""
    mark(version, "deprecate", reason=reason, replaced_by=replaced_by)
