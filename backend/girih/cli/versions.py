"""`girih versions NAME`: every version of an agent, newest first; `NAME@VERSION`: all that is kept of one."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server, segment
from girih.cli.kept import about, came_from, kept_text
from girih.cli.output import data, harmless
from girih.cli.reports import short_report
from girih.language.spec.tree import JsonObject

_PAGE = 200


def versions(
    name: Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The agent, or one version of it.")],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only so many, the newest.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List an agent's versions, newest first, with the aliases that point at each.

    Of one version (NAME@1.2.0, NAME@^1, NAME@ALIAS) show where it came from, and what each of its references was
    resolved to when it was published; what stands for something else by now is marked.
    """
    name, at, version = name.partition("@")
    path = f"/v1/agents/{segment(name)}/versions"
    with open_server() as server:
        if at:
            found = server.call("GET", f"{path}/{segment(version)}")
        else:
            found = {"versions": list(islice(server.pages(path, limit=min(limit or _PAGE, _PAGE)), limit))}
    if format == "json":
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif at:
        data(kept_text(name, found))
    else:
        for item in found["versions"]:
            typer.echo(harmless(_line(item)))


def _line(item: JsonObject) -> str:
    aliases = ", ".join(item.get("aliases") or [])
    made = item["created_at"][:16].replace("T", " ")
    line = f"{item['version']:<10} {item['digest'][:19]}  {made}  {aliases}".rstrip()
    return "  ".join(filter(None, [line, came_from(item), about(item), short_report(item), _shelved(item)]))


def _shelved(item: JsonObject) -> str:
    """What people said of a version, and whether it is still there."""
    if item["collected_at"] is not None:
        return f"(collected on {item['collected_at'][:10]})"
    instead = f"; use {item['replaced_by']}" if item["replaced_by"] else ""
    return f"({item['mark']}: {item['reason']}{instead})" if item["mark"] else ""
