"""`girih documents`: what collections hold: listed, shown, downloaded, moved, tried again, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE, harmless, note
from girih.language.spec.tree import JsonObject

Asker: TypeAlias = dict[str, str | list[str]]
"""For whom documents are read, as the query says it."""
Action = Literal["list", "show", "chunks", "download", "delete", "move", "retry"]


def documents(
    action: Annotated[Action, typer.Argument(help="What to do.")],
    subject: Annotated[str, typer.Argument(help="The document's id; for `list` the name of the collection.")],
    status: Annotated[str | None, typer.Option("--status", help="For `list`: only documents in this state.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="For `list`: only names that hold this.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="For `move`: the other collection.")] = None,
    version: Annotated[int | None, typer.Option("--version", help="For `download`: an older version.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="For `download`: the file to write.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", help="For whom it is read: documents with readers are theirs.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group of that user; may be repeated.")] = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """List documents of a collection; show, download, move, retry or delete one, or show its passages."""
    asker: Asker = {key: value for key, value in (("user", user), ("group", group)) if value}
    with open_server() as server:
        path = f"/v1/documents/{segment(subject)}"
        if action == "list":
            given = {key: value for key, value in (("status", status), ("name_contains", name)) if value}
            found = server.pages(f"/v1/collections/{segment(subject)}/documents", **given, **asker)
            _print(list(found), _line, format)
        elif action == "chunks":
            _print(list(server.pages(f"{path}/chunks", **asker)), _passage, format)
        elif action == "download":
            _download(server, path, output, version, asker)
        elif action == "delete":
            server.call("DELETE", path)
            note(f"deleted {subject}")
        elif action == "move":
            if to is None:
                fail("say where to move it", f"girih documents move {subject} --to COLLECTION", code=USAGE)
            _print([server.call("PATCH", path, json={"collection": to})], _line, format)
        elif action == "retry":
            _print([server.call("POST", f"{path}/retry")], _line, format)
        else:
            _print([server.call("GET", path, params=asker)], _line, format)


def _print(items: list[JsonObject], line: Callable[[JsonObject], str], format: str) -> None:
    if format == "json":
        typer.echo(json.dumps(items, indent=2, ensure_ascii=False))
        return
    for item in items:
        typer.echo(harmless(line(item)))


def _line(document: JsonObject) -> str:
    reason = f"  {document['reason']}" if document.get("reason") else ""
    return f"{document['id']}  {document['status']:9} {document['chunks']:6} passages  {document['name']}{reason}"


def _passage(chunk: JsonObject) -> str:
    page = f"page {chunk['page']}, " if chunk.get("page") else ""
    heading = " > ".join(chunk["heading"])
    return f"[{chunk['ordinal']}] {page}{chunk['start']}-{chunk['end']}  {heading}\n{chunk['text']}\n"


def _download(server: Server, path: str, output: Path | None, version: int | None, asker: Asker) -> None:
    document = server.call("GET", path, params=asker)
    # The name is the uploader's: only its last part is used, and nothing is written over.
    place = output or Path(Path(document["name"]).name)
    if output is None and place.exists():
        fail(f"{place} is there already", "say where to write it: --output FILE", code=USAGE)
    server.save(f"{path}/content", place, params=asker | ({"version": str(version)} if version is not None else {}))
    note(f"wrote {place}")
