"""`girih trace RUN_ID`: what a run did, as a tree of its nodes with durations, model calls, tools and tokens."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server
from girih.cli.output import FINDINGS, USAGE, WAITING, harmless
from girih.cli.stream import Following
from girih.cli.waterfall import chart
from girih.language.spec.tree import JsonObject

_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

MARKS = {"running": "…", "ok": "✓", "failed": "✗", "cancelled": "⊘", "skipped": "↷", "waiting": "?"}


@dataclass
class Step:
    """One execution of a node, or the run itself."""

    name: str
    verb: str = ""
    status: str = "running"
    duration_ms: float | None = None
    notes: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def line(self) -> str:
        """The step in one line."""
        parts = [MARKS.get(self.status, ""), self.name, self.verb, duration(self.duration_ms), *self.notes]
        return "  ".join(part for part in parts if part)


def trace(
    run_id: Annotated[str, typer.Argument(help="The run's id, as `girih run` shows it.")],
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="A tree, or the events.")] = "text",
    timeline: Annotated[
        bool | None, typer.Option("--timeline/--no-timeline", help="Bars that show when what was. On a terminal: yes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The trace as the server has it, with all times.")] = False,
) -> None:
    """Show what a run did: its nodes as a tree, with durations, model calls, tools and tokens.

    A run that still goes on is followed to its end, or until it waits. Exit code 1 if it failed, 6 if it waits for
    somebody or something.
    """
    if not _ID.fullmatch(run_id):
        fail(f"'{run_id}' is not the id of a run", "`girih run` shows it when a run ends", code=USAGE)
    with open_server() as server:
        events = list(_until_it_waits(server, run_id))
        wants_times = as_json or (format == "text" and (sys.stdout.isatty() if timeline is None else timeline))
        times = server.call("GET", f"/v1/runs/{run_id}/trace") if wants_times else None
    if as_json:
        typer.echo(json.dumps(times, indent=2, ensure_ascii=False))
    else:
        for line in _lines(events, times, format):
            typer.echo(line)
    last = events[-1]["type"]
    if last != "run.finished":
        raise typer.Exit(WAITING if last == "run.interrupted" else FINDINGS)


def _lines(events: list[JsonObject], times: JsonObject | None, format: str) -> Iterator[str]:
    if format == "json":
        yield from (json.dumps(event, ensure_ascii=False) for event in events)
    elif times is not None:
        yield from chart(times, shutil.get_terminal_size((120, 40)).columns)
    else:
        yield from map(harmless, drawn(grown(events)))


def _until_it_waits(server: Server, run_id: str) -> Iterator[JsonObject]:
    for event in Following(server, run_id).events():
        yield event
        if event["type"] == "run.interrupted":
            run = server.call("GET", f"/v1/runs/{run_id}")
            if (run["status"], run["attempt"]) == ("interrupted", event["attempt"]):
                return


def grown(events: Iterable[JsonObject]) -> Step:
    """The run as a tree: nodes of a subgraph (`refund/lookup`) below its node, nodes of a branch below their fork."""
    root = Step("run")
    latest: dict[str, Step] = {}
    for event in events:
        path = event["node"]
        if path is None:
            _note_run(root, event)
            _note_waits(latest, event)
            continue
        step = latest.get(path)
        if event["type"] == "node.started" and step is not None and step.status == "waiting":
            step.status = "running"
        elif event["type"] in ("node.started", "node.skipped") or step is None:
            step = latest[path] = Step(path.rpartition("/")[2], event["data"].get("verb", ""))
            _place(_parent(path, event["data"].get("fork")), latest, root).steps.append(step)
        note = _NOTES.get(event["type"])
        if note is not None:
            note(step, event["data"])
    return root


def _place(path: str, latest: dict[str, Step], root: Step) -> Step:
    """The step a node belongs below; each item of a list (`fork[3]`) is one, though it has no events of its own."""
    base, bracket, item = path.rpartition("[")
    if path not in latest and bracket and base in latest:
        latest[path] = Step(f"[{item}", status="")
        latest[base].steps.append(latest[path])
    return latest.get(path, root)


def _parent(path: str, fork: str | None) -> str:
    graph, slash, _ = path.rpartition("/")
    return f"{graph}{slash}{fork}" if fork else graph


def drawn(root: Step, lead: str = "") -> Iterator[str]:
    """The tree as lines."""
    if not lead:
        yield root.line()
    for step in root.steps:
        last = step is root.steps[-1]
        yield f"{lead}{'└─' if last else '├─'} {step.line()}"
        yield from drawn(step, lead + ("   " if last else "│  ")) if step.steps else ()


def duration(ms: float | None) -> str:
    """A duration as people read it."""
    if ms is None:
        return ""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def tokens(usage: JsonObject | None) -> str:
    """Tokens in and out."""
    if not usage or not (usage.get("input_tokens") or usage.get("output_tokens")):
        return ""
    return f"{usage.get('input_tokens', 0)} → {usage.get('output_tokens', 0)} tokens"


def _note_run(root: Step, event: JsonObject) -> None:
    data = event["data"]
    kind = event["type"]
    if kind == "run.started":
        root.name = f"{data.get('agent', 'run')} {data.get('version', '')}".strip()
    elif kind == "run.resumed":
        root.status = "running"
        root.notes.append(f"resumed as attempt {event['attempt']}")
    elif kind == "run.interrupted":
        root.status = "waiting"
    else:
        root.status = {"run.finished": "ok", "run.failed": "failed"}.get(kind, "cancelled")
        root.duration_ms = data.get("duration_ms")
        notes = (data.get("reason"), tokens(data.get("usage")), _error(data.get("error")))
        root.notes += [text for text in notes if text]


def _note_waits(latest: dict[str, Step], event: JsonObject) -> None:
    """What nodes wait for from here on, and what became of it."""
    if event["type"] == "run.interrupted":
        for one in event["data"]["interrupts"]:
            step = latest.get(one["node"])
            if step is not None and step.status != "waiting":
                step.status = "waiting"
                message = one["message"]
                step.notes.append(message if one.get("kind") in ("timer", "event") else f"waits: {message}")
    elif event["type"] == "run.resumed":
        _interrupt(latest.values())


def _interrupt(steps: Iterable[Step]) -> None:
    """What was under way when the server went away; the run does it again."""
    for step in steps:
        if step.status == "running":
            step.status = "cancelled"
            step.notes.append("interrupted")


def _error(error: JsonObject | None) -> str:
    return f"{error.get('kind', 'error')}: {error.get('message', '')}" if error else ""


def _finished(step: Step, data: JsonObject) -> None:
    step.status, step.duration_ms = "ok", data.get("duration_ms")


def _failed(step: Step, data: JsonObject) -> None:
    step.status = "failed"
    step.notes.append(_error(data))


def _answered(step: Step, data: JsonObject) -> None:
    step.notes.append(", ".join(text for text in (str(data.get("model", "")), tokens(data.get("usage"))) if text))


def _retrieved(step: Step, data: JsonObject) -> None:
    hits = data.get("hits") or []
    step.notes.append(f"{len(hits)} {'hit' if len(hits) == 1 else 'hits'} in {data.get('collection', '')}")


def _called(step: Step, data: JsonObject) -> None:
    step.notes.append(f"tool {data.get('tool', '')}")


def _skipped(step: Step, _: JsonObject) -> None:
    step.status = "skipped"
    step.notes.append("skipped: its `when` does not hold")


def _retried(step: Step, data: JsonObject) -> None:
    step.notes.append(f"attempt {data.get('attempt', '')} failed ({data.get('kind', 'error')})")


def _cancelled(step: Step, _: JsonObject) -> None:
    step.status = "cancelled"


_NOTES: dict[str, Callable[[Step, JsonObject], None]] = {
    "node.finished": _finished,
    "node.failed": _failed,
    "node.skipped": _skipped,
    "node.retried": _retried,
    "node.cancelled": _cancelled,
    "message.completed": _answered,
    "retrieval.finished": _retrieved,
    "tool.finished": _called,
}
