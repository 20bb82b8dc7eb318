"""The compiler's findings as a server sends them, shown like those of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from girih.cli.output import painted, wants_color
from girih.language.spec import render
from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonObject


def received(found: Iterable[JsonObject]) -> list[Diagnostic]:
    """Diagnostics from their JSON form."""
    return [
        Diagnostic(
            code=item["code"],
            message=item["message"],
            place=_place(item, item.get("length") or 1),
            help=item.get("help"),
            severity=item["severity"],
            related=tuple(Related(_place(other), other["message"]) for other in item.get("related") or ()),
        )
        for item in found
    ]


def show(diagnostics: Iterable[Diagnostic], files: Mapping[str, str]) -> None:
    """Each finding with its line and a caret, on stderr."""
    sources = {name: Source(name, text) for name, text in files.items()}
    sys.stderr.write(painted(render.pieces(diagnostics, sources), color=wants_color(sys.stderr)))


def counted(diagnostics: Iterable[Diagnostic]) -> str:
    """How many errors there are, in words."""
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    return "1 error" if errors == 1 else f"{errors} errors"


def _place(item: JsonObject, length: int = 1) -> Place:
    return Place(item["file"], item["line"], item["column"], length)
