"""`girih apply DIR`: checks a folder of specs and publishes it, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, NoReturn

import typer

from girih.cli.client import Failure, Refused, Server, fail, open_server
from girih.cli.findings import counted, received, show
from girih.cli.output import CHANGES, FINDINGS, USAGE, note
from girih.errors import GirihError
from girih.language.compiler.folder import NO_SPECS, SPEC_SUFFIXES, is_spec, read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec.diagnostics import Diagnostic, has_errors
from girih.language.spec.tree import JsonObject

ONLY_A_SERVER_KNOWS = frozenset({"E401", "E402"})
"""Findings about things that may be published already; the server judges those."""

Format = Literal["text", "json"]


def apply(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the specs.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change (exit code 3 if so).")] = False,
    format: Annotated[Format, typer.Option("--format", help="How to print the outcome.")] = "text",
) -> None:
    """Check a folder of specs and publish all of it, or with any error nothing of it (exit code 1).

    Graphs and pipelines get a new version where their meaning changed; models, tools and collections are replaced by
    name. A collection whose pipeline changed is indexed anew while the former index is searched.
    """
    try:
        files = dict(read_folder(folder).files)
    except GirihError as error:
        fail(error.message, error.help, code=USAGE)
    if not any(is_spec(name, text) for name, text in files.items()):
        fail(f"there are no specs in '{folder}'", NO_SPECS)
    found = _local(files)
    if has_errors(found):
        _refuse(found, files, format)
    with open_server() as server:
        outcome = _send(server, files, dry_run, format)
    warnings = received(outcome["diagnostics"])
    if format == "json":
        typer.echo(json.dumps(outcome, indent=2, ensure_ascii=False))
    else:
        show(warnings, files)
        _table(outcome["changes"], dry_run=dry_run)
    if dry_run and any(change["action"] != "unchanged" for change in outcome["changes"]):
        raise typer.Exit(CHANGES)


def _local(files: dict[str, str]) -> list[Diagnostic]:
    """What can be found without a server."""
    diagnostics = compile_workspace(Workspace(files)).diagnostics
    return [finding for finding in diagnostics if finding.code not in ONLY_A_SERVER_KNOWS]


def _send(server: Server, files: dict[str, str], dry_run: bool, format: Format) -> JsonObject:
    body = {"files": needed(files), "dry_run": dry_run}
    try:
        outcome: JsonObject = server.attempt("POST", "/v1/workspace/apply", json=body)
    except Refused as refused:
        found = _diagnostics(refused.failure)
        if not found:
            server.give_up(refused.failure)
        _refuse(found, files, format)
    return outcome


def needed(files: dict[str, str]) -> dict[str, str]:
    """The files a server needs: the specs, and what they name (prompts); documents beside them stay here."""
    specs = {
        name: text
        for name, text in files.items()
        if PurePosixPath(name).suffix.lower() in SPEC_SUFFIXES and "kind" in text
    }
    named = "\n".join(specs.values())
    return {name: text for name, text in files.items() if name in specs or PurePosixPath(name).name in named}


def _diagnostics(failure: Failure) -> list[Diagnostic]:
    body = failure.body or {}
    return received(body.get("diagnostics") or [])


def _refuse(found: Sequence[Diagnostic], files: dict[str, str], format: Format) -> NoReturn:
    if format == "json":
        outcome = {"changes": [], "diagnostics": [finding.as_dict() for finding in found]}
        typer.echo(json.dumps(outcome, indent=2, ensure_ascii=False))
    else:
        show(found, files)
    note(f"{counted(found)}; nothing was published")
    raise typer.Exit(FINDINGS)


def _table(changes: list[JsonObject], *, dry_run: bool) -> None:
    widths = [max((len(str(change[key])) for change in changes), default=0) for key in ("action", "kind", "name")]
    for change in changes:
        cells = [str(change[key]).ljust(width) for key, width in zip(("action", "kind", "name"), widths, strict=True)]
        typer.echo("  ".join([*cells, (change["version"] or "").ljust(7), change["path"]]).rstrip())
    changed = sum(change["action"] != "unchanged" for change in changes)
    done = "would change" if dry_run else "changed"
    note(f"{changed} of {len(changes)} {done}")
