"""E403: a secret is never data: nothing in a graph holds one, only a tool's own document names it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from girih.language.compiler.unit import Unit
from girih.language.expressions.values import texts
from girih.language.spec.diagnostics import Diagnostic, Place
from girih.language.spec.source import Source
from girih.language.spec.tree import Path

_SECRET = re.compile(r"secret://[A-Za-z0-9._-]*")
_HELP = "bind it in the tool's tool/v1 file, under http.auth: the tool then sends it by itself"


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name each secret that stands in a graph or in a prompt file of it."""
    graph = {key: value for key, value in unit.tree.value.items() if key not in ("title", "description")}
    for path, text in texts(graph):
        if "description" in path or "title" in path:
            continue
        for found in _SECRET.finditer(text):
            yield _fault(unit, path, found)
    for where in sorted({found for found in unit.prompts.values() if found is not None}):
        text = unit.files[where]
        if (found_there := _SECRET.search(text)) is not None:
            yield _in_file(where, text, found_there)


def _fault(unit: Unit, path: Path, found: re.Match[str]) -> Diagnostic:
    place = unit.tree.inside(path, found.start(), len(found.group()))
    return Diagnostic("E403", _message(found), place, help=_HELP)


def _in_file(where: str, text: str, found: re.Match[str]) -> Diagnostic:
    source = Source(where, text)
    line, column = source.position(found.start())
    return Diagnostic("E403", _message(found), Place(where, line, column, len(found.group())), help=_HELP)


def _message(found: re.Match[str]) -> str:
    return f"secret '{found.group().removeprefix('secret://')}' may only be bound to a tool's credential"
