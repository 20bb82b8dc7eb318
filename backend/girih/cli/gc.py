"""`girih gc`: which versions of agents nothing refers to, and emptying them."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server
from girih.cli.output import CHANGES, data, harmless, note
from girih.language.spec.tree import JsonObject


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go (exit code 3 if so).")] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print it.")] = "text",
) -> None:
    """Remove the plan and the text of versions that nothing refers to and whose time is over.

    How long that is, `girih retention --versions DAYS --yanked DAYS` says. The server does the same by itself. A
    version that is gone stays in the list, and its number stays taken.
    """
    with open_server() as server:
        found = server.call("POST", "/v1/agents/gc", json={"dry_run": dry_run}, timeout=120)
    if format == "json":
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        data("".join(_line("goes" if dry_run else "gone", one) for one in found["gone"]))
        data("".join(_line("stays", one) for one in found["kept"]))
    size = sum(one["bytes"] for one in found["gone"])
    note(f"{len(found['gone'])} {'would go' if dry_run else 'gone'} ({size:,} bytes), {len(found['kept'])} stay")
    if dry_run and found["gone"]:
        raise typer.Exit(CHANGES)


def _line(word: str, one: JsonObject) -> str:
    return harmless(f"{word:<5}  {one['name']}@{one['version']}  {one['reason']}") + "\n"
