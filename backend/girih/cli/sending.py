"""A folder of specs on its way to a server: checked here first, then judged there with what is published."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NoReturn

import typer

from girih.cli.client import Failure, Refused, Server, fail
from girih.cli.findings import counted, received, show
from girih.cli.output import FINDINGS, USAGE, data, note
from girih.cli.planned import Planned, plan_text
from girih.errors import GirihError
from girih.language.compiler.cassettes import is_cassette
from girih.language.compiler.folder import NO_SPECS, SPEC_SUFFIXES, is_plan, is_spec, read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.diagnostics import Diagnostic, has_errors
from girih.language.spec.tree import JsonObject

ONLY_A_SERVER_KNOWS = frozenset({"E401", "E402"})
"""Findings about things that may be published already; the server judges those."""

UNPROCESSABLE = 422
"""The status of a workspace with errors."""

FAILED_TEST = "failed_test"
"""The code of what a graph's test has found."""

TOO_LARGE = 413
"""The status of one that is more than a server takes."""

Form = Literal["text", "json", "github"]
"""How findings are told to whoever called."""


@dataclass(frozen=True)
class Folder:
    """The texts of a folder by path."""

    texts: Mapping[str, str]

    def needed(self) -> dict[str, str]:
        """The files a server needs: specs, what they name (prompts), and cassettes; documents stay here."""
        return needed(self.texts)


def needed(files: Mapping[str, str]) -> dict[str, str]:
    """The texts of specs, and of the files that they name."""
    specs = {
        name: text
        for name, text in files.items()
        if PurePosixPath(name).suffix.lower() in SPEC_SUFFIXES and "kind" in text and not is_plan(text)
    }
    named = "\n".join(specs.values())
    return {
        name: text
        for name, text in files.items()
        if name in specs or PurePosixPath(name).name in named or is_cassette(name)
    }


def checked_folder(folder: Path, form: Form) -> Folder:
    """The folder's texts, without a fault that can be seen here; ends the command otherwise."""
    try:
        found = Folder(read_folder(folder).files)
    except GirihError as error:
        fail(error.message, error.help, code=USAGE)
    if not any(is_spec(name, text) for name, text in found.texts.items()):
        fail(f"there are no specs in '{folder}'", NO_SPECS)
    diagnostics = compile_workspace(Workspace(found.texts)).diagnostics
    local = [finding for finding in diagnostics if finding.code not in ONLY_A_SERVER_KNOWS]
    if has_errors(local):
        _refuse(local, found, form)
    return found


def send(server: Server, folder: Folder, form: Form, **more: Any) -> JsonObject:
    """Have the folder applied, or with `dry_run` planned; ends the command where the server refuses it."""
    # Whoever may only read may plan.
    path = "/v1/workspace/plan" if more.get("dry_run") else "/v1/workspace/apply"
    try:
        outcome: JsonObject = server.attempt("POST", path, json={"files": folder.needed(), **more}, timeout=120)
    except Refused as refused:
        failure = refused.failure
        found = _diagnostics(failure)
        if found and failure.status == UNPROCESSABLE:
            _refuse(found, folder, form)
        _give_up(server, failure, found, folder, form)
    return outcome


def refuse_failing(outcome: JsonObject, *, dry_run: bool) -> None:
    """End the command where a dry run tells of tests that would refuse the apply."""
    failing = [one for one in outcome["diagnostics"] if one["code"] == FAILED_TEST and one["severity"] == "error"]
    if dry_run and failing:
        number = "1 expectation is" if len(failing) == 1 else f"{len(failing)} expectations are"
        note(f"{number} not met: it would be refused, unless with --force-tests", "error")
        raise typer.Exit(FINDINGS)


def _give_up(server: Server, failure: Failure, found: Sequence[Diagnostic], folder: Folder, form: Form) -> NoReturn:
    """End the command with a refusal, the places it comes from, and what would change now where the server says it."""
    fresh = ((failure.body or {}).get("details") or {}).get("plan")
    if form == "json":
        told = {"changes": [], "diagnostics": [one.as_dict() for one in found]}
        typer.echo(json.dumps(told if fresh is None else {**told, "fresh": fresh}, indent=2, ensure_ascii=False))
    elif found:
        show(found, folder.texts)
    if form == "github":
        data(render.github(found))
    if fresh is not None and form != "json":
        note("what would change now:")
        data(plan_text(Planned.of(fresh, folder.needed())))
    if failure.status == TOO_LARGE:
        largest = max(folder.needed().items(), key=lambda file: len(file[1]))
        note(f"{largest[0]} is the largest file, with {len(largest[1])} characters")
    server.give_up(failure)


def _diagnostics(failure: Failure) -> list[Diagnostic]:
    return received((failure.body or {}).get("diagnostics") or [])


def _refuse(found: Sequence[Diagnostic], folder: Folder, form: Form) -> NoReturn:
    if form == "json":
        outcome = {"changes": [], "diagnostics": [finding.as_dict() for finding in found]}
        typer.echo(json.dumps(outcome, indent=2, ensure_ascii=False))
    else:
        show(found, folder.texts)
    if form == "github":
        data(render.github(found))
    note(f"{counted(found)}; nothing was published")
    raise typer.Exit(FINDINGS)
