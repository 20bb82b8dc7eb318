"""`girih plan DIR`: what publishing a workspace would change on the server, and what it would break."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import fail, open_server
from girih.cli.drift import drifted
from girih.cli.findings import received, show
from girih.cli.output import CHANGES, USAGE, data, note
from girih.cli.planned import Planned, plan_annotations, plan_markdown, plan_text
from girih.cli.pruning import Prune, PruneData, pruning
from girih.cli.sending import Folder, Form, checked_folder, refuse_failing, send
from girih.language.spec import render
from girih.language.spec.tree import JsonObject

Format = Literal["text", "json", "markdown", "github"]


def plan(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the specs.")],
    out: Annotated[
        Path | None, typer.Option("--out", dir_okay=False, help="Keep the plan in a file, for `girih apply --plan`.")
    ] = None,
    prune: Prune = False,
    prune_data: PruneData = False,
    format: Annotated[
        Format,
        typer.Option("--format", help="How to print it; `github` is for a workflow's log, `markdown` for a comment."),
    ] = "text",
) -> None:
    """Say what `girih apply` would change, without changing anything: every spec, and of graphs what they would do.

    A kept plan says what was published when it was made and which texts it is for. `girih apply DIR --plan FILE` does
    exactly that, or nothing: it is refused when somebody has published since (exit code 5), or a text is another one.
    What others changed on the server since this folder was last applied or pulled is told, as `drift`.
    Of graphs that are there it says what goes on with them: runs, threads, schedules, callers, aliases, costs. With
    --prune it names what would be deleted. Exit code 3 if anything would change, 1 if tests of graphs would refuse it.
    """
    form: Form = "text" if format == "markdown" else format
    files = checked_folder(folder, form)
    with open_server() as server:
        outcome = send(server, files, form, dry_run=True, **pruning(prune=prune, data=prune_data))
        moved = drifted(server, folder)
    made = Planned.of(outcome, files.needed(), **pruning(prune=prune, data=prune_data))
    if out is not None:
        _keep(made, out)
    _tell(made, outcome, files, format)
    for told in moved:
        note(f"drift: {told}")
    note(made.summary())
    refuse_failing(outcome, dry_run=True)
    if made.changed:
        raise typer.Exit(CHANGES)


def _keep(made: Planned, out: Path) -> None:
    try:
        out.write_text(made.as_text(), "utf-8")
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror}", code=USAGE)


def _tell(made: Planned, outcome: JsonObject, files: Folder, format: Format) -> None:
    warnings = received(outcome["diagnostics"])
    if format == "json":
        typer.echo(json.dumps(outcome, indent=2, ensure_ascii=False))
    elif format == "github":
        data(render.github(warnings) + plan_annotations(made))
    elif format == "markdown":
        data(plan_markdown(made))
    else:
        show(warnings, files.texts)
        data(plan_text(made))
