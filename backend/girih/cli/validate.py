"""`girih validate`: everything that is wrong with specs, found without running or reaching anything."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.explain import find_pages
from girih.cli.output import FINDINGS, data, note, painted, wants_color
from girih.cli.sarif import sarif
from girih.errors import InvalidInput
from girih.language.compiler.folder import NO_SPECS, is_spec, read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.diagnostics import Diagnostic, Place, has_errors, in_order
from girih.language.spec.reader import MAX_BYTES
from girih.language.spec.source import Source

Format = Literal["text", "json", "concise", "github", "sarif"]

_UNNAMED = "stdin.yaml"

MOST_SHOWN = 100
"""How many findings of one file the forms that people read show."""


@dataclass
class Checked:
    """What was found in all paths, under the names the user would type."""

    diagnostics: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    specs: int = 0


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="Folders of specs, or single files.", show_default=False)
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How findings are written to stdout.")] = "text",
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", exists=True, file_okay=False, help="The folder that the files belong to."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
    stdin: Annotated[bool, typer.Option("--stdin", help="Check the text on stdin in place of a file.")] = False,
    stdin_name: Annotated[
        Path | None, typer.Option("--stdin-name", help="The file that the text on stdin is for; it need not exist.")
    ] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours, whatever the terminal can do.")] = False,
) -> None:
    """Check specs and say everything that is wrong with them, with the place and a way out.

    A folder is checked as one workspace; without a path it is the current one. A single file is checked within its
    own folder (or --workspace): what it refers to is looked up there, and only what is wrong with this file is shown.
    Nothing is run, nothing is reached.
    Exit code 1 if there is any error, 0 otherwise; warnings alone do not fail unless --strict says so.
    """
    if stdin and paths:
        raise InvalidInput("give either paths or --stdin", help="girih validate FOLDER, or --stdin --stdin-name FILE")
    checked = Checked()
    if stdin:
        _check_stdin(stdin_name, workspace, checked)
    for path in dict.fromkeys(paths or ([] if stdin else [Path()])):
        if path.is_dir():
            check_folder(path, checked)
        else:
            check_file(path, workspace or path.parent, checked)
    found = in_order(checked.diagnostics)
    data(_rendered(found, checked.sources, format, color=not no_color and wants_color(sys.stdout)))
    _summary(found, checked.specs)
    if has_errors(found) or (strict and found):
        raise typer.Exit(FINDINGS)


def _check_stdin(name: Path | None, workspace: Path | None, checked: Checked) -> None:
    """Check a text as if it stood in the file already: what an editor has before it is saved."""
    text = sys.stdin.buffer.read(MAX_BYTES + 1).decode("utf-8", errors="surrogateescape")
    if name is not None or workspace is not None:
        name = name or Path(workspace or ".") / _UNNAMED
        return check_file(name, workspace or name.parent, checked, text)
    if not is_spec(_UNNAMED, text):
        raise InvalidInput(f"the text on stdin {_why_none(text)}", help=NO_SPECS)
    alone = Workspace({_UNNAMED: text})
    return _add(checked, Path(), alone, compile_workspace(alone).diagnostics, 1)


def check_folder(folder: Path, checked: Checked) -> None:
    """Check a whole workspace. Raises `InvalidInput` if it holds no spec."""
    files = read_folder(folder)
    specs = [name for name, text in files.files.items() if is_spec(name, text)]
    if not specs:
        raise InvalidInput(f"there are no specs in '{folder}'", help=NO_SPECS)
    _add(checked, folder, files, compile_workspace(files).diagnostics, len(specs))


def check_file(path: Path, folder: Path, checked: Checked, instead: str | None = None) -> None:
    """Check one file, or the text `instead` of it, within the workspace it belongs to.

    Raises `InvalidInput` if it is no spec, or not in there.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInput(f"'{path}' is not in the workspace '{folder}'", help="give the folder that holds it")
    files = read_folder(folder)
    name = path.resolve().relative_to(folder.resolve()).as_posix()
    if instead is not None:
        files = Workspace({**files.files, name: instead})
    text = files.files.get(name, "")
    if not is_spec(name, text):
        raise InvalidInput(f"'{path}' {_why_none(text)}", help=NO_SPECS)
    # Faults of a prompt file stand in that file: those that this spec names are its own.
    own = (d for d in compile_workspace(files).diagnostics if d.place.file == name or d.place.file in text)
    _add(checked, folder, files, own, 1)


def _why_none(text: str) -> str:
    if not text.strip():
        return "is empty"
    return "is not a text file" if any("\ud800" <= c <= "\udfff" or c == "\0" for c in text) else "is not a spec"


def _add(checked: Checked, folder: Path, files: Workspace, found: Iterable[Diagnostic], specs: int) -> None:
    """Add findings under paths as the user sees them from where the command runs."""

    def named(place: Place) -> Place:
        return replace(place, file=(folder / place.file).as_posix())

    for diagnostic in found:
        related = tuple(replace(r, place=named(r.place)) for r in diagnostic.related)
        checked.diagnostics.append(replace(diagnostic, place=named(diagnostic.place), related=related))
        name = diagnostic.place.file
        shown = (folder / name).as_posix()
        checked.sources[shown] = Source(shown, files.files.get(name, "").removeprefix("\ufeff"))
    checked.specs += specs


def _rendered(found: Sequence[Diagnostic], sources: Mapping[str, Source], format: Format, *, color: bool) -> str:
    """The findings as asked for. Where people read, a file with very many shows the first of them and their number."""
    if format == "json":
        return render.json(found)
    if format == "sarif":
        return sarif(found, find_pages())
    if format == "github":
        return render.github(found)
    shown, more = first_of_each_file(found)
    rest = "".join(f"{name}: {count} more findings\n" for name, count in more.items())
    if format == "concise":
        return render.concise(shown) + rest
    return painted(render.pieces(shown, sources), color=color) + (f"\n{rest}" if rest else "")


def first_of_each_file(found: Sequence[Diagnostic]) -> tuple[list[Diagnostic], dict[str, int]]:
    """As many findings of each file as somebody may read, and how many more there are. Errors come first."""
    by_file: dict[str, list[Diagnostic]] = {}
    for diagnostic in found:
        by_file.setdefault(diagnostic.place.file, []).append(diagnostic)
    shown: list[Diagnostic] = []
    for own in by_file.values():
        kept = sorted(own, key=lambda d: d.severity == "warning")[:MOST_SHOWN]
        shown += in_order(kept)
    return shown, {name: len(own) - MOST_SHOWN for name, own in by_file.items() if len(own) > MOST_SHOWN}


def _summary(found: Sequence[Diagnostic], specs: int) -> None:
    errors = sum(d.severity == "error" for d in found)
    warnings = len(found) - errors
    parts = [_number(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
    style = "error" if errors else "warning" if warnings else "ok"
    note(f"{_number(specs, 'spec')} checked: {', '.join(parts) or 'nothing wrong'}", style)


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
