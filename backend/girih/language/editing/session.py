"""An editor's session: which workspace each of its documents belongs to, and what it holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from girih.language.editing.positions import Edit, edited
from girih.language.editing.room import Room

_DRIVE = re.compile(r"^/([A-Za-z]:)")
_UNSAVED = "unsaved.yaml"


class Document(NamedTuple):
    """A file in a workspace."""

    room: Room
    file: str


class Session:
    """The documents of an editor, by their URIs.

    A document belongs to the innermost of the editor's folders that holds it, if that can be a workspace: one that
    holds more files than a workspace may is none, and then it is the document's own folder, as `girih validate FILE`
    has it. A document that lies nowhere yet is a workspace of its own.
    """

    def __init__(self) -> None:
        self.folders: list[Path] = []
        self._rooms: dict[Path | str, Room] = {}
        self._uris: dict[tuple[int, str], str] = {}
        self._documents: dict[str, Document] = {}

    # --- folders

    def add_folder(self, uri: str) -> None:
        """A folder that the editor shows. Of one that is no file on this machine nothing is known."""
        path = path_of(uri)
        if path is not None and path not in self.folders:
            self.folders.append(path)

    def remove_folder(self, uri: str) -> None:
        """A folder that the editor shows no more."""
        path = path_of(uri)
        self.folders = [folder for folder in self.folders if folder != path]

    def look_again(self) -> None:
        """Something may have changed on disk."""
        for room in self._rooms.values():
            room.look_again()

    def rooms(self) -> list[Room]:
        """The workspaces that have a document open."""
        return [room for room in self._rooms.values() if room.open]

    # --- documents

    def open(self, uri: str, text: str) -> Document:
        """A document is opened with a text."""
        document = self._documents[uri] = self._placed(uri)
        document.room.open[document.file] = text.removeprefix("\ufeff")
        self._uris[id(document.room), document.file] = uri
        return document

    def change(self, uri: str, edits: list[Edit]) -> Document | None:
        """A document has changed; `None` for one that is not open."""
        document = self._documents.get(uri)
        if document is not None:
            document.room.open[document.file] = edited(document.room.open[document.file], edits)
        return document

    def close(self, uri: str) -> Document | None:
        """A document is closed: what lies on disk counts again."""
        document = self._documents.pop(uri, None)
        if document is not None:
            document.room.open.pop(document.file, None)
            document.room.look_again()
        return document

    def document(self, uri: str) -> Document | None:
        """An open document."""
        return self._documents.get(uri)

    def uri_of(self, document: Document) -> str:
        """The URI of a file: as the editor wrote it, if it has."""
        known = self._uris.get((id(document.room), document.file))
        if known is not None or document.room.folder is None:
            return known or document.file
        return (document.room.folder / document.file).as_uri()

    def _placed(self, uri: str) -> Document:
        path = path_of(uri)
        if path is None:
            return Document(self._room(uri, None), _UNSAVED)
        around = [folder for folder in self.folders if path.is_relative_to(folder) and path != folder]
        for folder in sorted(around, key=lambda folder: len(folder.parts), reverse=True):
            room = self._room(folder, folder)
            room.load()
            if room.is_readable:
                return Document(room, path.relative_to(folder).as_posix())
        return Document(self._room(path.parent, path.parent), path.name)

    def _room(self, key: Path | str, folder: Path | None) -> Room:
        if key not in self._rooms:
            self._rooms[key] = Room(folder)
        return self._rooms[key]


def path_of(uri: str) -> Path | None:
    """The file that a URI means on this machine; `None` for any other."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or "\0" in unquote(parts.path):
        return None
    # Before the letter of a drive stands a '/' that is no part of it.
    path = Path(_DRIVE.sub(r"\1", unquote(parts.path)))
    return path if path.is_absolute() else None
