"""`girih retention`: how long the project keeps what has ended, shown and set."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import fail, open_server
from girih.cli.output import USAGE, note
from girih.language.spec.tree import JsonObject

WORDS = {"forever": 0.0, "default": None}
"""What may stand in the place of a number of days."""
_TAKES = "Days, `forever` or `default`."
Days = str | None


def retention(
    runs: Annotated[Days, typer.Option("--runs", metavar="DAYS", help=f"Runs that have ended. {_TAKES}")] = None,
    events: Annotated[Days, typer.Option("--events", metavar="DAYS", help="Their events and traces.")] = None,
    checkpoints: Annotated[
        Days, typer.Option("--checkpoints", metavar="DAYS", help="What they can be retried and continued from.")
    ] = None,
    domain_events: Annotated[Days, typer.Option("--domain-events", metavar="DAYS", help="Domain events.")] = None,
    history: Annotated[Days, typer.Option("--history", metavar="DAYS", help="The history of schedules.")] = None,
    versions: Annotated[
        Days, typer.Option("--versions", metavar="DAYS", help="Versions of agents that nothing refers to.")
    ] = None,
    yanked: Annotated[Days, typer.Option("--yanked", metavar="DAYS", help="The same, after they were yanked.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """Show how many days the project keeps what has ended, or set some of them; what is not given stays."""
    given = {
        "runs_days": runs,
        "run_events_days": events,
        "checkpoints_days": checkpoints,
        "domain_events_days": domain_events,
        "schedule_history_days": history,
        "versions_days": versions,
        "yanked_days": yanked,
    }
    wanted = {name: _days(text) for name, text in given.items() if text is not None}
    with open_server() as server:
        shown = server.call("GET", "/v1/retention")
        if wanted:
            shown = server.call("PUT", "/v1/retention", json=shown["own"] | wanted)
    if format == "json":
        typer.echo(json.dumps(shown, indent=2))
        return
    for name, days in shown["effective"].items():
        typer.echo(f"{name.removesuffix('_days').replace('_', ' '):<17} {_shown(days, own=shown['own'][name])}")
    note(_swept(shown))


def _days(text: str) -> float | None:
    if text in WORDS:
        return WORDS[text]
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 < days <= 36_500:
        fail(f"'{text}' is no number of days", "give days such as 30 or 0.5, `forever`, or `default`", code=USAGE)
    return days


def _shown(days: float, *, own: float | None) -> str:
    return (f"{days:g} days" if days else "for ever") + (" (default)" if own is None else "")


def _swept(shown: JsonObject) -> str:
    if shown["swept_at"] is None:
        return "nothing was removed yet under these days"
    return f"last looked for what is past its time at {shown['swept_at'][:19].replace('T', ' ')} UTC"
