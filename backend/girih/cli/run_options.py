"""Options of `girih run` that become options of the run: when it begins, and where it stops."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic_core import PydanticCustomError

from girih.cli.client import fail
from girih.cli.output import USAGE
from girih.language.spec.durations import seconds
from girih.language.spec.tree import JsonObject

After = Annotated[
    str | None, typer.Option("--after", metavar="DURATION", help="Begin so much later: `90s`, `5m`, `2h30m`.")
]
StopBefore = Annotated[
    list[str] | None,
    typer.Option("--interrupt-before", metavar="NODE", help="Stop before this node (`*`: every one); may be repeated."),
]
StopAfter = Annotated[
    list[str] | None,
    typer.Option("--interrupt-after", metavar="NODE", help="Stop after this node (`*`: every one); may be repeated."),
]


def run_options(after: str | None, before: list[str] | None, behind: list[str] | None) -> JsonObject:
    """What the body of the request says of them. What is no duration ends the command."""
    options: JsonObject = {"interrupt_before": before or None, "interrupt_after": behind or None}
    if after is not None:
        try:
            options["after_seconds"] = seconds(float(after) if after.isdigit() else after)
        except PydanticCustomError as fault:
            fail(f"--after {after}: {fault.message()}", code=USAGE)
    return {name: value for name, value in options.items() if value is not None}
