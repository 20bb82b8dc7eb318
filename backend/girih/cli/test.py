"""`girih test`: runs the tests that stand beside graphs, or one node alone, without a server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from girih.cli.dev_watch import Snapshot, changed, snapshot
from girih.cli.findings import counted, show
from girih.cli.junit import junit
from girih.cli.lone_node import run_node
from girih.cli.output import FINDINGS, data, note
from girih.cli.trial_text import write_text
from girih.cli.trials import Bench, Models, Tested, run_tests
from girih.errors import GirihError, InvalidInput
from girih.language.compiler.folder import read_folder
from girih.language.spec.suggest import one_of

Format = Literal["text", "junit", "json"]

LOOK = 0.4
"""Seconds between two looks for a change, with `--watch`."""

ELSEWHERE = (
    "a test sees this folder and no server. What only a server has needs its file here, which says what goes in and "
    "comes out; under mock: a node that calls it gets a result, and nothing is called"
)


def test(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", exists=True, help="A folder of specs, or one graph's file.")
    ] = Path(),
    only: Annotated[list[str] | None, typer.Option("-k", "--only", help="Tests whose name holds this text.")] = None,
    format: Annotated[Format, typer.Option("--format", help="How the outcome is written to stdout.")] = "text",
    coverage: Annotated[bool, typer.Option("--coverage", help="Say which nodes and ways no test takes.")] = False,
    fail_under: Annotated[
        float | None, typer.Option("--fail-under", min=0, max=100, help="Least share of ways taken, in percent.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Ask the models, and keep their answers.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Ask the models, whatever was kept.")] = False,
    node: Annotated[str | None, typer.Option("--node", help="Run this node alone.")] = None,
    given: Annotated[
        Path | None, typer.Option("--with", exists=True, dir_okay=False, help="For --node: inputs, state, nodes.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Run again whenever a file changes.")] = False,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", exists=True, file_okay=False, help="The folder the file belongs to.")
    ] = None,
) -> None:
    """Run the tests of graphs: nodes with a mock give that, all others do what they do.

    Nothing is kept and no server is needed. Models answer from a cassette where one was recorded, else as they are set
    up here (the demo model without a key). Exit code 1 if a test fails.
    """
    if record and live:
        raise InvalidInput("--record and --live say two things", help="--record asks the models and keeps the answers")
    if record and watch:
        raise InvalidInput("--record and --watch do not go together", help="record once, then watch: --watch")
    models: Models = "record" if record else "live" if live else "tape"
    if node is not None:
        run_node(_bench(path, workspace), node, given)
        return
    folder = _folder(path, workspace)
    while True:
        before = snapshot(folder)
        passed = _once(path, workspace, only or [], format, models, coverage, fail_under)
        if not watch:
            break
        _wait_for_change(folder, before)
    if not passed:
        raise typer.Exit(FINDINGS)


def _once(
    path: Path,
    workspace: Path | None,
    only: Sequence[str],
    format: Format,
    models: Models,
    coverage: bool,
    fail_under: float | None,
) -> bool:
    try:
        bench = _bench(path, workspace)
        if bench.wrong:
            show(bench.wrong, bench.files.files)
            note(f"{counted(bench.wrong)}: what does not compile is not tested")
            if any(found.code == "E401" and found.message.endswith("not found") for found in bench.wrong):
                note(f"  help: {ELSEWHERE}", "help")
        tested = asyncio.run(run_tests(bench, only, models))  # noqa: TID251 - the command is the process's entry point
    except GirihError as fault:
        note(f"error: {fault.message}" + (f"\n  help: {fault.help}" if fault.help else ""), "error")
        return False
    _WRITE[format](tested, coverage)
    sys.stdout.flush()  # before what stderr says of it, and while --watch goes on
    return _verdict(path, bench, tested, only, fail_under)


def _bench(path: Path, workspace: Path | None) -> Bench:
    folder = _folder(path, workspace)
    only = None if path.is_dir() else path.resolve().relative_to(folder.resolve()).as_posix()
    return Bench.of(folder, read_folder(folder), only)


def _folder(path: Path, workspace: Path | None) -> Path:
    return path if path.is_dir() else workspace or path.parent


def _verdict(path: Path, bench: Bench, tested: Sequence[Tested], only: Sequence[str], fail_under: float | None) -> bool:
    reports = [report for one in tested for report in one.reports]
    failed = sum(not report.passed for report in reports)
    if not reports and bench.wrong:
        return False
    if not reports:
        what = f"no test's name holds '{only[0]}'" if only else f"there are no tests in '{path}'"
        note(f"{what}; write them under tests: in a graph" if not only else f"{what}{_names(bench)}")
        return False
    number = "1 test" if len(reports) == 1 else f"{len(reports)} tests"
    note(
        f"{number}: {len(reports) - failed} passed" + (f", {failed} failed" if failed else ""),
        "message" if failed else "ok",
    )
    thin = [one for one in tested if fail_under is not None and _share(one) < fail_under]
    for one in thin:
        note(f"{one.graph}: the tests take {_share(one):.0f} % of the ways, {fail_under:g} % are asked for", "error")
    return not failed and not thin and not bench.wrong


def _names(bench: Bench) -> str:
    known = [test.name for _, _, tests in bench.graphs() for test in tests]
    return f"; there are: {one_of(known)}" if known else ""


def _share(one: Tested) -> float:
    found = one.coverage
    return 100.0 * found.ways_seen / found.ways if found.ways else 100.0


def _junit(tested: Sequence[Tested], coverage: bool) -> None:
    del coverage  # JUnit has no place for it
    data(junit(tested))


def _json(tested: Sequence[Tested], coverage: bool) -> None:
    del coverage  # always there
    data(json.dumps({"graphs": [_as_json(one) for one in tested]}, indent=2, ensure_ascii=False) + "\n")


def _as_json(one: Tested) -> dict[str, Any]:
    found = one.coverage
    fields = ("name", "passed", "misses", "path", "outputs", "error", "waits_for", "steps", "usage", "seconds")
    return {
        "graph": one.graph,
        "file": one.file,
        "tests": [{name: getattr(report, name) for name in fields} for report in one.reports],
        "coverage": {**found.__dict__},
    }


_WRITE = {"text": write_text, "junit": _junit, "json": _json}


def _wait_for_change(folder: Path, before: Snapshot) -> None:
    note("waiting for a change; Ctrl-C ends it")
    while not (names := changed(before, snapshot(folder))):
        time.sleep(LOOK)
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    note(f"\n{os.path.relpath(names[0], folder)}{more} changed")
