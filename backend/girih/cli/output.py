"""Where the commands' words go: data to stdout, everything else to stderr, colour only where a person looks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import typer

from girih.errors import Conflict, Forbidden, GirihError, Unauthorized, Unavailable

OK = 0
FINDINGS = 1
USAGE = 2
CHANGES = 3
UNREACHABLE = 4
CONFLICT = 5
WAITING = 6
INTERRUPTED = 130

_COLORS: Mapping[str, Mapping[str, Any]] = {
    "place": {"bold": True},
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "frame": {"fg": "blue"},
    "caret": {"fg": "red", "bold": True},
    "help": {"fg": "cyan"},
    "ok": {"fg": "green"},
}


def exit_code_of(error: GirihError) -> int:
    """The exit code for a fault that girih can explain."""
    if isinstance(error, Unauthorized | Forbidden | Unavailable):
        return UNREACHABLE
    return CONFLICT if isinstance(error, Conflict) else FINDINGS


def wants_color(stream: TextIO, environment: Mapping[str, str] | None = None) -> bool:
    """Whether a stream shows colours: a terminal, unless `NO_COLOR` is set; `FORCE_COLOR` asks for them anywhere."""
    known = os.environ if environment is None else environment
    if known.get("NO_COLOR"):
        return False
    return bool(known.get("FORCE_COLOR")) or (stream.isatty() and known.get("TERM") != "dumb")


def painted(pieces: Iterable[tuple[str, str]], *, color: bool) -> str:
    """Pieces of text that know what they are, as one text; coloured if asked for."""
    if not color:
        return "".join(text for _, text in pieces)
    return "".join(_paint(style, text) for style, text in pieces)


def _paint(style: str, text: str) -> str:
    wanted = _COLORS.get(style)
    return typer.style(text, **wanted) if wanted else text


def data(text: str) -> None:
    """What the command was asked for, to stdout, as it is."""
    sys.stdout.write(text)


def harmless(text: str) -> str:
    """The text without the characters that steer a terminal: it may come from a model, a tool or a file."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")


def note(text: str, style: str = "message") -> None:
    """A line about what happens, to stderr."""
    typer.echo(painted([(style, harmless(text))], color=wants_color(sys.stderr)), err=True)


def complain(message: str, help: str | None = None) -> None:
    """A fault in one sentence and the next step below it, to stderr."""
    color = wants_color(sys.stderr)
    typer.echo(painted([("error", "error: "), ("message", harmless(message))], color=color), err=True)
    if help:
        typer.echo(painted([("help", f"  help: {harmless(help)}")], color=color), err=True)
