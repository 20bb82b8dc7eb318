"""Text → values with places: chooses the reader by the file's name. A fault of the author is returned, never raised."""

from __future__ import annotations

import re

from girih.language.spec.building import ReadingError
from girih.language.spec.diagnostics import Diagnostic, Place, in_order
from girih.language.spec.json_reader import read_json
from girih.language.spec.memory import Memory
from girih.language.spec.sections import read_sections
from girih.language.spec.source import Source
from girih.language.spec.tree import Tree
from girih.language.spec.yaml_reader import read_yaml

MAX_BYTES = 1_000_000
"""The largest spec file, in bytes of UTF-8."""

_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read(source: Source, memory: Memory | None = None) -> tuple[Tree | None, tuple[Diagnostic, ...]]:
    """The document's values and places, and all that is wrong with its text (E001, W003).

    The tree is `None` when the text has no sound structure. An empty YAML file is a tree whose value is `None`.
    `memory` keeps what was read for the next time.
    """
    source = Source(source.name, source.text.removeprefix("\ufeff"))
    if fault := _unreadable(source):
        return None, (fault,)
    found: list[Diagnostic] = []
    if memory is not None and not source.name.endswith(".json"):
        tree = read_sections(source, memory, found)
        if tree is not None:
            return tree, in_order(found)
    try:
        tree = (read_json if source.name.endswith(".json") else read_yaml)(source, found)
    except ReadingError as stopped:
        return None, in_order([*found, stopped.diagnostic])
    return tree, in_order(found)


def _unreadable(source: Source) -> Diagnostic | None:
    start = Place(source.name, 1, 1)
    if len(source.text) > MAX_BYTES or len(source.text.encode(errors="replace")) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
        return Diagnostic("E001", message, start, help="a spec is for people to read: move data and prompts out")
    if found := _NOT_ALLOWED.search(source.text):
        line, column = source.position(found.start())
        char = found.group()
        if "\ud800" <= char <= "\udfff":
            message, way_out = "the file is not UTF-8 text", "save it as UTF-8"
        else:
            message = f"the control character U+{ord(char):04X} is not allowed here"
            way_out = "delete it, or write it as an escape in a quoted text"
        return Diagnostic("E001", message, Place(source.name, line, column), help=way_out)
    return None
