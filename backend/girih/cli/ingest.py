"""`girih ingest COLLECTION PATH…`: uploads documents and follows each one until it can be searched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import Failure, Refused, Server, fail, open_server, segment
from girih.cli.output import FINDINGS, INTERRUPTED, USAGE, complain, note
from girih.cli.progress import Progress, open_progress
from girih.language.spec.tree import JsonObject

POLL = 0.25
"""Seconds between two looks at the documents that are under way."""

Status = Literal["ready", "failed"]


@dataclass
class Item:
    """One file on its way: what the server calls it, and how it ended."""

    path: Path
    name: str
    id: str | None = None
    status: Status | None = None
    reason: str = ""


def ingest(
    collection: Annotated[str, typer.Argument(help="The collection.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, or folders with files.")],
    detach: Annotated[bool, typer.Option("--detach", help="Upload, and do not wait until all is searchable.")] = False,
) -> None:
    """Bring documents into a collection and wait until they can be searched.

    The same content is never taken twice, so a broken-off ingest is simply started again; documents that failed before
    are tried again. A failed document does not stop the others; exit code 1 if any failed.
    """
    items = [Item(path, name) for path, name in _files(paths)]
    if not items:
        fail("there are no files to ingest", "name files, or folders that hold some", code=USAGE)
    with open_server() as server, open_progress() as progress:
        try:
            for item in items:
                _upload(server, collection, item, progress)
            if not detach:
                _follow(server, items, progress)
        except KeyboardInterrupt:
            note("stopped; what was uploaded goes on. start the same command again to follow it")
            raise typer.Exit(INTERRUPTED) from None
    _conclude(items, detach=detach)


def _files(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Each file with the name it is shown by; a folder gives all it holds but hidden files and links that lead out."""
    for path in dict.fromkeys(paths):
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                inner = file.relative_to(path)
                if not file.is_file() or any(part.startswith(".") for part in inner.parts):
                    continue
                if file.resolve().is_relative_to(path.resolve()):
                    yield file, inner.as_posix()
                else:
                    note(f"{inner.as_posix()}: left out, it is a link that leads out of {path}", "warning")
        elif path.is_file():
            yield path, path.name
        else:
            fail(f"there is no file {path}", code=USAGE)


def _upload(server: Server, collection: str, item: Item, progress: Progress) -> None:
    progress.show(item.name, "upload", 0, 0)
    try:
        with item.path.open("rb") as content:
            files = {"file": (item.name, content, "application/octet-stream")}
            document = server.attempt("POST", f"/v1/collections/{segment(collection)}/documents", files=files)
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
