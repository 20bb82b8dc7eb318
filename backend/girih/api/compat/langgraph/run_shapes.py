"""Runs as clients of the LangGraph server protocol read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from girih.api.compat.langgraph.assistants import assistant_id_of
from girih.api.compat.langgraph.noted import without
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import RunOut

STATUS: Mapping[str, str] = {
    "queued": "pending",
    "running": "running",
    "interrupted": "interrupted",
    "succeeded": "success",
    "failed": "error",
    "cancelled": "interrupted",
    "expired": "timeout",
}
"""Their states, by ours."""


def thread_of(run: RunOut) -> str:
    """The run's thread; a run without one is addressed as if it were its own."""
    return run.thread_id or run.id


def run_json(
    run: RunOut, multitask: str | None = None, select: Sequence[str] = (), *, status: str | None = None
) -> JsonObject:
    """A run, or the fields of it that are wanted; `status` where it is known better than from the run itself."""
    moments = (run.finished_at, run.started_at, run.created_at)
    shown: JsonObject = {
        "run_id": run.id,
        "thread_id": thread_of(run),
        "assistant_id": assistant_id_of(run.agent),
        "created_at": run.created_at.isoformat(),
        "updated_at": next(moment for moment in moments if moment is not None).isoformat(),
        "status": status or STATUS[run.status],
        "metadata": without(run.metadata),
        "multitask_strategy": multitask,
        "kwargs": {
            "input": run.inputs,
            "config": {"tags": run.tags, "configurable": {"graph_id": run.agent, "user_id": run.user}},
            "interrupt_before": run.interrupt_before,
            "interrupt_after": run.interrupt_after,
            "webhook": run.webhook,
        },
    }
    unknown = sorted(set(select) - set(shown))
    if unknown:
        raise InvalidInput(f"`select`: runs have no field '{unknown[0]}'", help=f"they have: {', '.join(shown)}")
    return {name: shown[name] for name in select} if select else shown


def address(run: RunOut) -> str:
    """Where the run is, below the door."""
    return f"/threads/{thread_of(run)}/runs/{run.id}"


def listed(given: Sequence[str] | None) -> list[str]:
    """The values of a query parameter that may come several times, or once as a JSON list."""
    found: list[str] = []
    for one in given or ():
        if one.startswith("["):
            try:
                read = orjson.loads(one)
            except orjson.JSONDecodeError:
                read = [one]
            found += [str(part) for part in read]
        elif one:
            found.append(one)
    return found
