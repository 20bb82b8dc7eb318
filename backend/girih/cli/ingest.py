"""`girih ingest COLLECTION PATH…`: uploads documents and follows each one until it can be searched."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import Failure, Refused, Server, fail, open_server, segment
from girih.cli.facts import facts_of
from girih.cli.ingest_removal import absent, is_wanted, remove
from girih.cli.ingest_sources import Source, Sources
from girih.cli.ingest_tree import Change, Tree, files_of, is_equal, on_server
from girih.cli.output import FINDINGS, INTERRUPTED, USAGE, complain, note
from girih.cli.progress import Progress, open_progress
from girih.language.spec.tree import JsonObject

POLL = 0.25
"""Seconds between two looks at the documents that are under way."""
LOOK = 1.0
"""Seconds between two looks at files that are watched."""

Status = Literal["ready", "failed"]


@dataclass
class Item:
    """One file on its way: what the server calls it, and how it ended."""

    path: Path
    name: str
    metadata: JsonObject
    source: Source
    id: str | None = None
    status: Status | None = None
    reason: str = ""


def ingest(
    collection: Annotated[str, typer.Argument(help="The collection.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders with files.")],
    detach: Annotated[bool, typer.Option("--detach", help="Upload, and do not wait until all is searchable.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and follow what becomes of the files.")] = False,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What searches may filter by, of every file sent.")
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete documents that came from these folders and have no file any more.")
    ] = False,
    source: Annotated[
        str | None, typer.Option("--source", help="What the folders are called, wherever they lie. Else: their paths.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With `--delete`: also where it would be asked first.")] = False,
) -> None:
    """Bring documents into a collection and wait until they can be searched.

    Files that the server has already are not sent again, so a broken-off ingest is simply started again; documents that
    failed before are tried again. A failed document does not stop the others; exit code 1 if any failed. What others
    brought is never deleted.
    """
    tree = Tree(paths)
    facts = facts_of(metadata or [])
    sources = Sources(source)
    items = [Item(path, name, facts, sources.of_file(path, name)) for path, name in files_of(paths)]
    if not items and not watch:
        fail("there are no files to ingest", "name files, or folders that hold some", code=USAGE)
    with open_server() as server:
        try:
            known = on_server(server, collection)
            folders = [sources.of_folder(path) for path in paths if path.is_dir()]
            removal = absent(known, folders, {display(item.name) for item in items})
            removes = delete and is_wanted(removal, yes=yes)
            _take(server, collection, items, known, wait=not detach)
            if removes:
                remove(server, removal)
            while watch:
                time.sleep(LOOK)
                _keep_up(server, collection, tree.changes(), facts, sources, delete=delete, yes=yes)
        except KeyboardInterrupt:
            note("stopped; what was uploaded goes on. start the same command again to follow it")
            raise typer.Exit(INTERRUPTED) from None
    _conclude(items, detach=detach)


def _take(server: Server, collection: str, items: list[Item], known: Mapping[str, JsonObject], *, wait: bool) -> None:
    """Send what the server does not have, and follow all of it."""
    with open_progress(sends_only=not wait) as progress:
        for item in items:
            _bring(server, collection, item, known.get(display(item.name)), progress)
        if wait:
            _follow(server, items, progress)


def _keep_up(
    server: Server,
    collection: str,
    change: Change,
    facts: JsonObject,
    sources: Sources,
    *,
    delete: bool,
    yes: bool,
) -> None:
    """Do on the server what happened to the files."""
    if not change.settled and not change.gone:
        return
    known = on_server(server, collection)
    items = [Item(path, name, facts, sources.of_file(path, name)) for name, path in change.settled.items()]
    _take(server, collection, items, known, wait=True)
    if delete:
        folders = [sources.of_file(path, name) for name, path in change.gone.items()]
        removal = absent(known, folders, known.keys() - {display(name) for name in change.gone})
        if is_wanted(removal, yes=yes, while_watching=True):
            remove(server, removal)


def display(name: str) -> str:
    """The name as the server keeps it."""
    return unicodedata.normalize("NFC", name)


def _bring(server: Server, collection: str, item: Item, document: JsonObject | None, progress: Progress) -> None:
    """Upload a file, unless the server has it and is good with it."""
    try:
        if document is not None and document["status"] != "failed" and is_equal(item.path, document):
            item.id = document["id"]
            _look(item, document, progress)
            return
    except OSError as error:
        _fail(item, progress, f"cannot be read: {error.strerror}")
        return
    _upload(server, collection, item, progress)


def _upload(server: Server, collection: str, item: Item, progress: Progress) -> None:
    progress.show(item.name, "upload", 0, 0)
    try:
        with item.path.open("rb") as content:
            files = {"file": (item.name, content, "application/octet-stream")}
            fields = {"source_ref": item.source.ref}
            if item.metadata:
                fields["metadata"] = json.dumps(item.metadata)
            path = f"/v1/collections/{segment(collection)}/documents"
            document = server.attempt("POST", path, data=fields, files=files)
        if document["status"] == "failed":
            document = server.attempt("POST", f"/v1/documents/{document['id']}/retry")
    except OSError as error:
        _fail(item, progress, f"cannot be read: {error.strerror}")
    except Refused as refused:
        if _stops_all(refused.failure):
            server.give_up(refused.failure)
        way_out = f"; {refused.failure.help}" if refused.failure.help else ""
        _fail(item, progress, refused.failure.message + way_out)
    else:
        item.id = document["id"]
        _look(item, document, progress)


def _stops_all(failure: Failure) -> bool:
    """Whether no other file would fare better: no such collection, no such key, a server in trouble."""
    return failure.status in (401, 403, 404) or failure.status >= 500


def _follow(server: Server, items: list[Item], progress: Progress) -> None:
    while under_way := [item for item in items if item.status is None]:
        for item in under_way:
            try:
                document = server.attempt("GET", f"/v1/documents/{item.id}")
            except Refused as refused:
                if refused.failure.status == 503:
                    continue
                if refused.failure.status != 404:
                    server.give_up(refused.failure)
                _fail(item, progress, "was deleted meanwhile")
            else:
                _look(item, document, progress)
        time.sleep(POLL)


def _look(item: Item, document: JsonObject, progress: Progress) -> None:
    if document["status"] == "failed":
        _fail(item, progress, document.get("reason") or "failed")
    elif document["status"] == "ready":
        item.status = "ready"
        progress.end(item.name, ok=True, comment=_size(document))
    else:
        stage = "queued" if document["status"] == "queued" else document["stage"]
        progress.show(item.name, stage, document.get("done") or 0, document.get("total") or 0)


def _size(document: JsonObject) -> str:
    counts = [(document.get(name) or 0, name) for name in ("pages", "chunks")]
    parts = [f"{count} {name.removesuffix('s') if count == 1 else name}" for count, name in counts if count]
    return ", ".join(parts)


def _fail(item: Item, progress: Progress, reason: str) -> None:
    item.status, item.reason = "failed", reason
    progress.end(item.name, ok=False, comment=reason)


def _conclude(items: list[Item], *, detach: bool) -> None:
    failed = [item for item in items if item.status == "failed"]
    ready = sum(item.status == "ready" for item in items)
    waiting = f", {len(items) - ready - len(failed)} under way" if detach else ""
    typer.echo(f"{ready} ready, {len(failed)} failed{waiting}")
    for item in failed:
        complain(f"{item.name}: {item.reason}")
    if failed:
        raise typer.Exit(FINDINGS)
