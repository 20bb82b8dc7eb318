"""Files on this machine beside documents on a server: what is new, changed, equal or gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from girih.cli.client import Server, fail, segment
from girih.cli.output import USAGE, note
from girih.language.spec.tree import JsonObject

_PIECE = 2**20

Stamp = tuple[int, int]
"""When a file was changed last, and its size: while these change, it is still being written."""


@dataclass(frozen=True)
class Change:
    """What happened to files between two looks: names and files to upload, names that are gone."""

    settled: Mapping[str, Path]
    gone: Mapping[str, Path]


class Tree:
    """Files that are watched. A file counts as changed once two looks in a row find it the same."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._taken = self._seen = self._look()

    def changes(self) -> Change:
        """What is to be done since the last look."""
        now = self._look()
        settled = {
            name: path
            for name, (path, stamp) in now.items()
            if self._seen.get(name) == (path, stamp) and self._taken.get(name) != (path, stamp)
        }
        gone = {name: path for name, (path, _) in self._taken.items() if name not in now}
        self._taken = {name: at for name, at in self._taken.items() if name not in gone}
        self._taken |= {name: now[name] for name in settled}
        self._seen = now
        return Change(settled, gone)

    def _look(self) -> dict[str, tuple[Path, Stamp]]:
        found = {}
        for path, name in files_of(self._paths, quiet=True):
            try:
                state = path.stat()
            except OSError:
                continue  # it went away between the two questions
            found[name] = (path, (state.st_mtime_ns, state.st_size))
        return found


def files_of(paths: list[Path], *, quiet: bool = False) -> Iterator[tuple[Path, str]]:
    """Each file with the name it is shown by; a folder gives all it holds but hidden files and links that lead out."""
    for path in dict.fromkeys(paths):
        if path.is_dir():
            yield from _files_in(path, quiet=quiet)
        elif path.is_file():
            yield path, path.name
        elif not quiet:
            fail(f"there is no file {path}", code=USAGE)


def _files_in(path: Path, *, quiet: bool) -> Iterator[tuple[Path, str]]:
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path)
        if not file.is_file() or any(part.startswith(".") for part in inner.parts):
            continue
        if file.resolve().is_relative_to(path.resolve()):
            yield file, inner.as_posix()
        elif not quiet:
            note(f"{inner.as_posix()}: left out, it is a link that leads out of {path}", "warning")


def on_server(server: Server, collection: str) -> dict[str, JsonObject]:
    """The documents of a collection, by their keys."""
    path = f"/v1/collections/{segment(collection)}/documents"
    return {document["key"]: document for document in server.pages(path, limit=200)}


def is_equal(path: Path, document: JsonObject | None) -> bool:
    """Whether the server has exactly these bytes already. Raises `OSError`."""
    if document is None or document["size"] != path.stat().st_size:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return bool(digest.hexdigest() == document["sha256"])
