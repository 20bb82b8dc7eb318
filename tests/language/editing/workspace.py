"""A workspace in an editor, as tests ask it: the marker `|` in a text is the cursor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from girih.language.compiler.folder import read_folder
from girih.language.editing.completion import completions
from girih.language.editing.options import Option
from girih.language.editing.reading import Reading, Spot
from girih.language.editing.room import Room
from girih.language.spec.source import Source

EXAMPLES = dict(read_folder(Path(__file__).parents[3] / "agent_specs").files)
"""The examples of the repository."""

CURSOR = "¦"


def room_of(files: Mapping[str, str]) -> Room:
    """A workspace whose documents are all open, analysed once."""
    room = Room(None)
    room.open = dict(files)
    read(room)
    return room


def read(room: Room) -> Reading:
    """Analyse what the workspace holds now."""
    reading = room.analyse()
    room.take(reading)
    return reading


def without(text: str) -> tuple[str, int]:
    """A text without its cursor, and where that was."""
    index = text.index(CURSOR)
    return text.replace(CURSOR, ""), index


def offered(text: str, files: Mapping[str, str] | None = None, before: str | None = None) -> list[Option]:
    """What is offered at the cursor of `a.yaml`; `before` is what it held when it was analysed last."""
    plain, index = without(text)
    room = room_of({**(files or {}), "a.yaml": plain if before is None else before})
    return completions(Source("a.yaml", plain), index, room.reading, room.last_good("a.yaml"))


def labels(text: str, files: Mapping[str, str] | None = None, before: str | None = None) -> list[str]:
    """The words that are offered."""
    return [option.label for option in offered(text, files, before)]


def texts_at(reading: Reading, spots: list[Spot]) -> list[tuple[str, int, str]]:
    """Places as file, line (from 1) and the characters that stand there."""
    found = []
    for spot in spots:
        line = reading.source(spot.file).line(spot.range.start.line + 1)
        encoded = line.encode("utf-16-le")
        part = encoded[2 * spot.range.start.character : 2 * spot.range.end.character].decode("utf-16-le")
        found.append((spot.file, spot.range.start.line + 1, part))
    return found
