"""A finding of the compiler as data: a code, a place, a sentence and a way out. Rendering lives elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

_QUOTED = re.compile(r"'[^']*'")


@dataclass(frozen=True, order=True)
class Place:
    """A span in a file. Lines and columns count from 1, in characters; `length` is at least 1."""

    file: str
    line: int
    column: int
    length: int = 1


@dataclass(frozen=True)
class Related:
    """A second place that explains a finding ("first defined here")."""

    place: Place
    message: str


@dataclass(frozen=True)
class Diagnostic:
    """One finding. `message` says what is wrong, `help` what to do; both are whole sentences without a full stop."""

    code: str
    message: str
    place: Place
    help: str | None = None
    severity: Severity = "error"
    related: tuple[Related, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """The form that `--format json` and the API's 422 share."""
        return {
            "code": self.code,
            "severity": self.severity,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "length": self.place.length,
            "message": self.message,
            "help": self.help,
            "related": [
                {"file": r.place.file, "line": r.place.line, "column": r.place.column, "message": r.message}
                for r in self.related
            ],
        }


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings by place, each cause once: at one place a code says one thing about the same names."""
    found = sorted(diagnostics, key=lambda d: (d.place, d.code, d.message))
    causes: dict[tuple[object, ...], Diagnostic] = {}
    for diagnostic in found:
        place = diagnostic.place
        names = frozenset(_QUOTED.findall(diagnostic.message))
        causes.setdefault((diagnostic.code, place.file, place.line, place.column, names), diagnostic)
    return tuple(causes.values())


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any finding forbids a publish."""
    return any(d.severity == "error" for d in diagnostics)
