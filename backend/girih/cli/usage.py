"""`girih usage`: what model calls cost, by agent, node, model, provider, key or day."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Literal

import typer

from girih.cli.client import fail, open_server
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject

GROUPS = ("agent", "node", "model", "provider", "key", "day")
_NUMBERS = ("calls", "errors", "input_tokens", "output_tokens", "cost_usd")


def usage(
    by: Annotated[str, typer.Option("--by", help=f"Up to three of {', '.join(GROUPS)}, with commas.")] = "agent",
    first: Annotated[str | None, typer.Option("--from", help="The first day, as 2026-05-01 (UTC).")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day, included. Default: today.")] = None,
    whole: Annotated[bool, typer.Option("--organization", help="Of all projects of the organization.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print it.")] = "text",
) -> None:
    """Show what model calls used and cost: of the last 30 days unless days are given."""
    group = [name.strip() for name in by.split(",") if name.strip()]
    if unknown := next((name for name in group if name not in GROUPS), None):
        fail(f"usage cannot be grouped by '{unknown}'", f"choose among {', '.join(GROUPS)}", code=USAGE)
    if len(group) > 3:
        fail("usage is grouped by three things at most", "name fewer under --by", code=USAGE)
    days = {"from": _day(first), "to": _day(last)}
    given = {name: value for name, value in days.items() if value is not None}
    with open_server() as server:
        asked = {**given, "group_by": group, "of": "organization" if whole else "project", "limit": 1000}
        rows = list(server.pages("/v1/usage", **asked))
    if format == "json":
        typer.echo(json.dumps({"usage": rows}, indent=2, ensure_ascii=False))
        return
    if not rows or not any(row["calls"] for row in rows):
        note("no model was called in these days")
        return
    for line in table(rows, group):
        typer.echo(harmless(line))


def table(rows: list[JsonObject], group: list[str]) -> list[str]:
    """The rows as aligned columns, with their sum below."""
    head = [*group, "calls", "errors", "tokens in", "tokens out", "USD"]
    cells = [[str(row.get(name) or "-") for name in group] + _numbers(row) for row in rows]
    if len(rows) > 1:
        total = {name: sum(row[name] for row in rows) for name in _NUMBERS}
        cells.append((["total"] + [""] * (len(group) - 1))[: len(group)] + _numbers(total))
    widths = [max(len(line[n]) for line in [head, *cells]) for n in range(len(head))]
    return [
        "  ".join(_fit(text, widths[n], left=n < len(group)) for n, text in enumerate(line)).rstrip()
        for line in [head, *cells]
    ]


def _numbers(row: JsonObject) -> list[str]:
    counts = [f"{row[name]:,}" for name in _NUMBERS[:-1]]
    return [*counts, f"{row['cost_usd']:.4f}" if row["cost_usd"] else "0"]


def _fit(text: str, width: int, *, left: bool) -> str:
    return f"{text:<{width}}" if left else f"{text:>{width}}"


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        fail(f"'{text}' is not a day", "write it as 2026-05-01", code=USAGE)
