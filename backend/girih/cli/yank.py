"""`girih yank NAME@VERSION`: takes a version off the shelf."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.marking import mark


def yank(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="The version.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; callers read it.")],
    force: Annotated[bool, typer.Option("--force", help="Although aliases lead to it; they go on doing so.")] = False,
) -> None:
    """Let no range, no `latest` and no new graph mean a version.

    What was published with it and what runs goes on, and so does NAME@VERSION. Exit code 5 where an alias leads to it,
    or no other version is left. `girih restore` takes it back.
    """
    mark(version, "yank", reason=reason, force=force)
