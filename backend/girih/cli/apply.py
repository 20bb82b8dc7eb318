"""`girih apply DIR`: checks a folder of specs and publishes it, all or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.applied import note_applied
from girih.cli.client import fail, open_server
from girih.cli.findings import received, show
from girih.cli.output import CHANGES, USAGE, note
from girih.cli.planned import Planned
from girih.cli.provenance import provenance
from girih.cli.pruning import Prune, PruneData, pruning
from girih.cli.reports import report_lines
from girih.cli.sending import checked_folder, refuse_failing, send
from girih.language.spec.tree import JsonObject

Format = Literal["text", "json"]


def apply(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the specs.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change (exit code 3 if so).")] = False,
    plan: Annotated[
        Path | None, typer.Option("--plan", exists=True, dir_okay=False, help="Do what this plan says, or nothing.")
    ] = None,
    prune: Prune = False,
    prune_data: PruneData = False,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What it is about; kept with every new version.")
    ] = None,
    force_tests: Annotated[
        bool, typer.Option("--force-tests", help="Publish although tests fail; the versions say so.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", help="How to print the outcome.")] = "text",
) -> None:
    """Check a folder of specs and publish all of it, or with any error nothing of it (exit code 1).

    Graphs and pipelines get a new version where their meaning changed; models, tools and collections are replaced by
    name. A collection whose pipeline changed is indexed anew while the former index is searched. With --plan it is
    refused when somebody has published since the plan was made (exit code 5), and what would change now is shown. With
    --prune, what the project has and the folder does not name is deleted; versions of graphs and pipelines stay for
    runs that began with them, and are there again when the name is applied again.

    The tests of each graph that gets a new version are run on the server first, with nothing outside of it; one that
    fails refuses all of it, unless --force-tests. What they said is kept with the version.

    Every new version keeps who published it and when, the --message, and the commit of the folder's git repository (or
    the one that a CI system names), with whether the folder held changes beside it.
    """
    gone = pruning(prune=prune, data=prune_data)
    planned = Planned.read(plan) if plan is not None else None
    files = checked_folder(folder, format)
    if planned is not None:
        planned.require(files.needed())
        if prune and not planned.prune:
            fail("the plan is without --prune", "make a new plan: girih plan DIR --prune --out FILE", code=USAGE)
        gone = pruning(prune=planned.prune, data=planned.prune_data)
    base = planned.base if planned is not None else None
    with open_server() as server:
        more = {**gone, **provenance(folder, message), "force_tests": force_tests}
        outcome = send(server, files, format, dry_run=dry_run, base=base, **more)
        if not dry_run:
            note_applied(server, folder, files.texts, outcome["changes"])
    if format == "json":
        typer.echo(json.dumps(outcome, indent=2, ensure_ascii=False))
    else:
        show(received(outcome["diagnostics"]), files.texts)
        _table(outcome["changes"], dry_run=dry_run)
    refuse_failing(outcome, dry_run=dry_run)
    if dry_run and any(change["action"] != "unchanged" for change in outcome["changes"]):
        raise typer.Exit(CHANGES)


def _table(changes: list[JsonObject], *, dry_run: bool) -> None:
    widths = [max((len(str(change[key])) for change in changes), default=0) for key in ("action", "kind", "name")]
    for change in changes:
        cells = [str(change[key]).ljust(width) for key, width in zip(("action", "kind", "name"), widths, strict=True)]
        typer.echo("  ".join([*cells, (change["version"] or "").ljust(7), change["path"]]).rstrip())
        for line in report_lines(change):
            note(f"  {change['name']}: {line}")
    changed = sum(change["action"] != "unchanged" for change in changes)
    done = "would change" if dry_run else "changed"
    note(f"{changed} of {len(changes)} {done}")
