"""`girih run AGENT`: starts a run, streams its answer with citations, and says what it cost."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from girih.cli.client import Refused, Server, open_server
from girih.cli.forms import ask_all, described, has_terminal, let_go, questions, stops
from girih.cli.inputs import given_inputs
from girih.cli.output import FINDINGS, INTERRUPTED, WAITING, complain, harmless, note
from girih.cli.run_options import After, StopAfter, StopBefore, run_options
from girih.cli.stream import Following
from girih.cli.trace import drawn, duration, grown, tokens
from girih.engine.events import TERMINAL
from girih.language.spec.tree import JsonObject, JsonValue


def run(
    agent: Annotated[
        str, typer.Argument(help="An agent: `handbook`, `handbook@prod`, `handbook@1.2.0` or `handbook@^1`.")
    ],
    input: Annotated[
        list[str] | None, typer.Option("--input", "-i", metavar="NAME=VALUE", help="One input; may be repeated.")
    ] = None,
    inputs: Annotated[Path | None, typer.Option("--inputs", help="A JSON file with inputs; `-` reads stdin.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the stream's events, one JSON object a line.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="Show the run's steps as a tree when it has ended.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start the run, print its id, and do not wait.")] = False,
    thread: Annotated[str | None, typer.Option("--thread", help="A thread's id: go on with what it holds.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Whom the run is for, as `run.user`.")] = None,
    after: After = None,
    interrupt_before: StopBefore = None,
    interrupt_after: StopAfter = None,
) -> None:
    """Run an agent and stream its answer.

    The answer goes to stdout, with the places it cites below it; what it cost goes to stderr. Ctrl-C cancels the run
    (exit code 130). Exit code 1 if the run failed. A question of the run is asked on the terminal; where there is none,
    and with --json, the command ends with exit code 6 and says how to answer. A run that stops at a node goes on when
    you press Enter.
    """
    with open_server() as server:
        body = {"agent": agent, "inputs": given_inputs(server, agent, input or [], inputs)}
        body |= run_options(after, interrupt_before, interrupt_after)
        body |= {name: value for name, value in (("thread_id", thread), ("user", user)) if value is not None}
        if detach:
            started = server.call("POST", "/v1/runs", json=body)
            typer.echo(started["id"])
            return
        screen = Screen(as_json=as_json)
        following = Following(server, body=body, on_loss=screen.end_line)
        try:
            for event in following.events():
                screen.show(event)
                if event["type"] == "run.interrupted":
                    _wait(server, event, as_json=as_json)
        except KeyboardInterrupt:
            screen.end_line()
            _cancel(server, following.run_id)
        screen.finish(trace=trace)


@dataclass
class Screen:
    """What the person (or the program behind a pipe) sees of one run."""

    as_json: bool
    events: list[JsonObject] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.perf_counter)
    _first: float | None = None
    _open: str | None = None

    def show(self, event: JsonObject) -> None:
        """One event, as it arrives."""
        self.events.append(event)
        kind = event["type"]
        if kind == "message.delta" and self._first is None:
            self._first = time.perf_counter() - self._began
        if self.as_json:
            _write(json.dumps(event, ensure_ascii=False) + "\n")
        elif kind == "message.delta":
            self._say(event["node"], event["data"]["text"])
        elif kind == "node.started":
            self.answers.pop(event["node"], None)
        elif kind in TERMINAL or kind == "run.interrupted":
            self.end_line()
        elif kind == "run.resumed" and not {"answers", "timed_out"} & event["data"].keys():
            self.end_line()
            note("the server was interrupted; the run goes on, and an answer that was cut off comes once more")

    def finish(self, *, trace: bool) -> None:
        """The rest once the run has ended; a run that did not succeed ends the command with 1."""
        end = self.events[-1]
        if not self.as_json and end["type"] == "run.finished":
            self._results(end["data"].get("outputs") or {})
        if trace:
            for line in drawn(grown(self.events)):
                note(line)
        note(self._stats(end["data"]))
        if end["type"] != "run.finished":
            _explain(end)
            raise typer.Exit(FINDINGS)

    def _say(self, node: str, text: str) -> None:
        if self._open not in (None, node):
            self.end_line()
        self._open = node
        self.answers[node] = self.answers.get(node, "") + text
        _write(text)

    def end_line(self) -> None:
        """End the line of an answer that is under way, before anything else is said."""
        if self._open is not None:
            _write("\n")
            self._open = None

    def _results(self, outputs: JsonObject) -> None:
        """What was not streamed, then what the answer cites."""
        said = {text.strip() for text in self.answers.values()}
        rest = {
            name: value
            for name, value in outputs.items()
            if value not in (None, []) and not is_citations(value)
            if not (isinstance(value, str) and value.strip() in said)
        }
        for name, value in rest.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            _write(f"{name}: {text}\n" if len(outputs) > 1 else f"{text}\n")
        cited = [citation for value in outputs.values() if is_citations(value) for citation in value]
        if cited:
            _write("\n" + "".join(f"{cited_line(citation)}\n" for citation in cited))

    def _stats(self, data: JsonObject) -> str:
        first = f"first token {duration(self._first * 1000)}" if self._first is not None else ""
        parts = [
            f"run {self.events[-1]['run_id']}",
            first,
            tokens(data.get("usage")),
            duration(data.get("duration_ms")),
        ]
        return " · ".join(part for part in parts if part)


def is_citations(value: JsonValue) -> bool:
    """Whether an output is what `cite:` gives: a list of places in documents."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and {"number", "document", "place"} <= item.keys() for item in value)
    )


def cited_line(citation: JsonObject) -> str:
    """One citation: its mark, the document, and the page or heading."""
    place = citation.get("place") or {}
    where = [f"page {place['page']}"] if place.get("page") else []
    if place.get("heading"):
        where.append(" › ".join(place["heading"]))
    return f"[{citation['number']}] " + ", ".join([citation["document"], *where])


def _cancel(server: Server, run_id: str | None) -> None:
    if run_id is not None:
        try:
            server.attempt("POST", f"/v1/runs/{run_id}/cancel")
        except Refused as refused:
            note(f"run {run_id} could not be cancelled: {refused.failure.message}")
        else:
            note(f"run {run_id} is cancelled")
    raise typer.Exit(INTERRUPTED)


def _wait(server: Server, event: JsonObject, *, as_json: bool) -> None:
    """Ask what the run asks, if somebody is there; else end the command and say how to answer.

    A run that only waits for time or for events goes on by itself, and is followed.
    """
    run_id, interrupts = event["run_id"], event["data"]["interrupts"]
    for_people, stopped = questions(interrupts), stops(interrupts)
    if not for_people and not stopped:
        for one in interrupts:
            note(f"the run {one['message']}")
        return
    if has_terminal() and not as_json:
        with suppress(EOFError):
            ask_all(server, run_id, for_people)
            let_go(server, run_id, stopped)
            return
    note(f"run {run_id} waits for an answer" if for_people else f"run {run_id} waits until you let it go on")
    for line in (line for one in [*for_people, *stopped] for line in described(run_id, one)):
        note(line)
    raise typer.Exit(WAITING)


def _explain(end: JsonObject) -> None:
    error = end["data"].get("error")
    if end["type"] == "run.cancelled" or not error:
        complain("the run was cancelled")
        return
    at = f" in node '{error['node']}'" if error.get("node") else ""
    complain(f"the run failed{at}: {error.get('message')} ({error.get('kind')})", error.get("help"))


def _write(text: str) -> None:
    """To stdout at once: tokens are worth seeing when they come. What a model says may not steer a terminal."""
    sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()
