"""`girih test --node`: one node of a graph, run alone with what it is given."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import typer

from girih.cli.findings import counted, show
from girih.cli.output import FINDINGS, complain, data, note
from girih.cli.trials import Bench
from girih.engine.trials.alone import alone
from girih.engine.trials.trial import Report, run_trial
from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.nodes.registry import kinds
from girih.language.spec.diagnostics import has_errors
from girih.language.spec.graph_tests import GraphTest
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.wiring.trials import open_trials

PARTS = ("inputs", "state", "nodes", "answers")


def run_node(bench: Bench, node: str, given: Path | None) -> None:
    """Run a node with the inputs, the state and the results of other nodes in a file, and print what it gives."""
    saved = _saved(given)
    plan = _plan(bench, node)
    test = GraphTest(name=f"{node} alone", given=saved["inputs"], state=saved["state"], answers=saved["answers"])
    ready = alone(plan, node, saved["nodes"], kinds())
    report = asyncio.run(_run(bench, ready, test))  # noqa: TID251 - the command is the process's entry point
    found = [event.data["output"] for event in report.events if event.type == "node.finished" and event.node == node]
    for event in report.events:
        if event.type == "node.started" and event.node == node:
            note(f"{plan.name}: {node} ({event.data['verb']})")
    if found:
        data(json.dumps(found[-1], indent=2, ensure_ascii=False) + "\n")
    if report.waits_for:
        note(f"it waits at '{report.waits_for[0]}': give it an answer under answers:")
    if report.error is not None:
        complain(f"{report.error['kind']}: {report.error['message']}", report.error.get("help"))
    if not found:
        raise typer.Exit(FINDINGS)


async def _run(bench: Bench, plan: Plan, test: GraphTest) -> Report:
    async with open_trials(bench.models(), bench.made.plans) as world:
        return await run_trial(kinds(), plan, test, world.around())


def _plan(bench: Bench, node: str) -> Plan:
    plans = [plan for _, plan, _ in bench.graphs()]
    if len(plans) > 1:
        plans = [plan for plan in plans if any(known.name == node for known in plan.nodes)]
    if len(plans) == 1:
        return plans[0]
    if bench.wrong:
        show(bench.wrong, bench.files.files)
        note(f"{counted(bench.wrong)}: what does not compile is not run")
        raise typer.Exit(FINDINGS)
    if not plans:
        raise InvalidInput(f"no graph here has a node '{node}'", help="name the graph's file")
    names = ", ".join(plan.name for plan in plans)
    raise InvalidInput(f"several graphs have a node '{node}': {names}", help="name the file of one of them")


def _saved(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {part: {} for part in PARTS}
    tree, found = read(Source(path.name, path.read_text("utf-8")))
    if tree is None or has_errors(found):
        first = next(iter(found), None)
        raise InvalidInput(f"'{path}' cannot be read: {first.message if first else 'it is empty'}")
    value = tree.value if tree.value is not None else {}
    if not isinstance(value, dict) or not all(isinstance(part, dict) for part in value.values()):
        raise InvalidInput(f"'{path}' must hold mappings", help=f"it may have: {', '.join(PARTS)}")
    unknown = sorted(set(value) - set(PARTS))
    if unknown:
        raise InvalidInput(f"'{path}' has the key '{unknown[0]}'", help=f"it may have: {', '.join(PARTS)}")
    return {part: value.get(part) or {} for part in PARTS}
