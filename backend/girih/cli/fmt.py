"""`girih fmt`: specs in the one layout, with every comment, and with the meaning they had."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated

import typer

from girih.cli.files import spec_files, write_whole
from girih.cli.output import FINDINGS, complain, data, note
from girih.language.formatting.formatter import NotTheSameError, formatted
from girih.language.spec import render
from girih.language.spec.reader import MAX_BYTES
from girih.language.spec.source import Source


def fmt(
    paths: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="Folders of specs, or single files.", show_default=False)
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 if something would.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Change nothing; show what would.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Format the text on stdin, and write it to stdout.")] = False,
) -> None:
    """Lay specs out: indentation in steps of two, one space between what stands side by side, no more blank lines.

    Comments, quotes, the order of keys and the author's line breaks stay, and so does the meaning: a file's digest is
    the same before and after. A file whose syntax is not sound stays as it is, and is named with what is wrong.
    """
    if stdin:
        _stdin()
        return
    is_told = check or diff
    changed = faulty = 0
    for path in spec_files(paths or [Path()]):
        source = Source(str(path), path.read_bytes().decode("utf-8", errors="surrogateescape"))
        text = _formatted(source)
        if text is None:
            faulty += 1
        elif text != source.text:
            changed += 1
            if is_told:
                _tell(source, text, diff)
            else:
                write_whole(path, text)
                note(f"formatted {path}")
    _summary(changed, faulty, is_told)
    if faulty or (is_told and changed):
        raise typer.Exit(FINDINGS)


def _stdin() -> None:
    text = sys.stdin.buffer.read(MAX_BYTES + 1).decode("utf-8", errors="surrogateescape")
    name = "stdin.json" if text.lstrip().startswith("{") and text.rstrip().endswith("}") else "stdin.yaml"
    result = _formatted(Source(name, text))
    if result is None:
        raise typer.Exit(FINDINGS)
    data(result)


def _formatted(source: Source) -> str | None:
    """The text in its layout; `None`, and a word on stderr, where it has to stay as it is."""
    try:
        text, found = formatted(source)
    except NotTheSameError:
        complain(f"{source.name}: the layout would change what the file means; it stays as it is", "tell us about it")
        return None
    if found:
        sys.stderr.write("".join(piece for _, piece in render.pieces(found, {source.name: source})))
        return None
    return text


def _tell(source: Source, text: str, diff: bool) -> None:
    before, after = source.text.splitlines(keepends=True), text.splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, source.name, f"{source.name} (formatted)")
    data("".join(lines) if diff else f"{source.name}\n")


def _summary(changed: int, faulty: int, is_told: bool) -> None:
    parts = [f"{_counted(changed)} {'would change' if is_told else 'formatted'}"] if changed else []
    parts += [f"{_counted(faulty)} left as {'it is' if faulty == 1 else 'they are'}"] if faulty else []
    note(", ".join(parts) if parts else "nothing to change", "ok" if not parts else "message")


def _counted(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
