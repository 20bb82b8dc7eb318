"""`girih migrate`: specs brought to the newest version of the language, with their comments."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated

import typer

from girih.cli.files import spec_files, write_whole
from girih.cli.output import CHANGES, FINDINGS, complain, data, note
from girih.language.migrations.upgrade import MigrationError, Upgraded, upgraded
from girih.language.spec import render
from girih.language.spec.source import Source


def migrate(
    paths: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="Folders of specs, or single files.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change (exit code 3 if so).")] = False,
) -> None:
    """Bring specs to the newest version of their kind, step by step, and keep their comments.

    A file is changed as a whole or not at all. What is not sound, or does not fit a step, stays as it is and is named.
    """
    changed = faulty = 0
    for path in spec_files(paths or [Path()]):
        source = Source(str(path), path.read_bytes().decode("utf-8", errors="surrogateescape"))
        result = _upgraded(source)
        faulty += result is None
        if result is not None and result.taken:
            changed += 1
            _show(source, result) if dry_run else write_whole(path, result.text)
            note(f"{path}: {', '.join(step.title for step in result.taken)}")
    what = "would change" if dry_run else "migrated"
    note(f"{changed} {'file' if changed == 1 else 'files'} {what}" if changed else "nothing to migrate", "ok")
    if faulty:
        raise typer.Exit(FINDINGS)
    if dry_run and changed:
        raise typer.Exit(CHANGES)


def _upgraded(source: Source) -> Upgraded | None:
    """What becomes of a file; `None`, and a word on stderr, where it has to stay as it is."""
    try:
        result = upgraded(source)
    except MigrationError as fault:
        complain(f"{source.name}: {fault}", "mend it by hand; the steps are described in the changelog")
        return None
    if result.faults:
        sys.stderr.write("".join(piece for _, piece in render.pieces(result.faults, {source.name: source})))
        return None
    return result


def _show(source: Source, result: Upgraded) -> None:
    before, after = source.text.splitlines(keepends=True), result.text.splitlines(keepends=True)
    data("".join(difflib.unified_diff(before, after, source.name, f"{source.name} (migrated)")))
