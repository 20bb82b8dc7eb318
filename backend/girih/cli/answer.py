"""`girih answer RUN [ID] FIELD=VALUE …`: answers what a run waits for."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.forms import described, from_pairs, questions, resume, stops
from girih.cli.output import FINDINGS, USAGE, note
from girih.language.spec import strict_json
from girih.language.spec.tree import JsonObject, JsonValue


def answer(
    run_id: Annotated[str, typer.Argument(help="The run.")],
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID] [FIELD=VALUE]...", help="The question, where several are open; then its answer."),
    ] = None,
    as_json: Annotated[str | None, typer.Option("--json", help="The whole answer as JSON.")] = None,
) -> None:
    """Answer what a run waits for; it goes on at once, wherever there is room.

    `girih interrupts` lists what is open. A run that stopped at a node goes on without an answer. Exit code 1 if the
    answer does not fit, 5 if somebody was faster.
    """
    name, pairs = _split(values or [])
    with open_server() as server:
        if not values and as_json is None and _goes_on(server, run_id):
            return
        found = _chosen(server, run_id, name)
        if as_json is not None and pairs:
            fail("give the answer as FIELD=VALUE or as --json, not both", code=USAGE)
        value = _parsed(as_json) if as_json is not None else from_pairs(pairs, found["schema"])
        fault = resume(server, run_id, {found["id"]: value})
    if fault is not None:
        fail(fault, "\n".join(described(run_id, found)))
    note(f"answered; the run goes on: girih trace {run_id}")


def _goes_on(server: Server, run_id: str) -> bool:
    """Let a run go on that only stopped at breakpoints."""
    found = server.call("GET", f"/v1/runs/{segment(run_id)}/interrupts")["items"]
    is_open = [one for one in found if one["state"] == "open"]
    if questions(is_open) or not stops(is_open):
        return False
    server.call("POST", f"/v1/runs/{segment(run_id)}/resume", json={})
    note(f"the run goes on: girih trace {run_id}")
    return True


def _split(values: list[str]) -> tuple[str | None, list[str]]:
    """The id that stands first, if one does, and the fields."""
    if values and "=" not in values[0]:
        return values[0], values[1:]
    return None, values


def _chosen(server: Server, run_id: str, name: str | None) -> JsonObject:
    found = server.call("GET", f"/v1/runs/{segment(run_id)}/interrupts")
    everything: list[JsonObject] = found["items"]
    if name is not None:
        chosen = next((one for one in everything if one["id"] == name.lower()), None)
        return chosen or fail(f"run {run_id} has no interrupt {name}", "`girih interrupts` lists what is open")
    is_open = questions(one for one in everything if one["state"] == "open")
    if not is_open:
        fail(f"run {run_id} waits for no answer", code=FINDINGS)
    if len(is_open) > 1:
        lines = [line for one in is_open for line in described(run_id, one)]
        fail(f"{len(is_open)} questions are open: name one", "\n".join(lines), code=USAGE)
    return is_open[0]


def _parsed(text: str) -> JsonValue:
    try:
        return strict_json.loads(text)
    except ValueError as error:
        fail(f"--json is not JSON: {error}", code=USAGE)
