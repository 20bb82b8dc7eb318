"""Threads and their states as clients of the LangGraph server protocol read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import NAMESPACE_OID, UUID, uuid5

from girih.api.compat.langgraph.assistants import assistant_id_of
from girih.api.compat.langgraph.interrupts import interrupts_of
from girih.api.compat.langgraph.shaping import require_fields
from girih.language.spec.tree import JsonObject
from girih.services.runs.snapshot_schemas import InnerSnapshot, Snapshot, SnapshotTask
from girih.services.runs.talks import NOTHING, Told
from girih.services.runs.thread_schemas import ThreadOut
from girih.services.runs.thread_search import ThreadView
from girih.services.runs.values import values_of

THREAD_FIELDS = (
    "thread_id",
    "created_at",
    "updated_at",
    "metadata",
    "config",
    "context",
    "status",
    "values",
    "interrupts",
)
STATE_FIELDS = (
    "values",
    "next",
    "tasks",
    "checkpoint",
    "metadata",
    "created_at",
    "parent_checkpoint",
    "interrupts",
)


def thread_json(view: ThreadView, told: Told = NOTHING) -> JsonObject:
    """A thread, what it holds and what its run waits for, by the tasks that wait; with what was `told` beside calls."""
    thread, standing = view.thread, view.standing
    state = told.snapshot(standing) if standing is not None else told.state(view.state)
    tasks = standing.tasks if standing is not None else []
    waiting = {_task_id(standing, task): _interrupts([task]) for task in tasks} if standing is not None else {}
    return {
        "thread_id": thread.id,
        "created_at": thread.created_at,
        "updated_at": thread.updated_at,
        "metadata": thread.metadata | _graph(thread),
        "config": {},
        "context": {},
        "status": thread.status,
        "values": values_of(state, view.outputs),
        "interrupts": {task: given for task, given in waiting.items() if given},
    }


def ttl_json(thread: ThreadOut) -> JsonObject | None:
    """When a thread goes: its time to live, in minutes."""
    if thread.ttl is None:
        return None
    return {"strategy": "delete", "ttl_minutes": thread.ttl / 60, "expires_at": thread.expires_at}


def state_json(snapshot: Snapshot, told: Told) -> JsonObject:
    """One moment of a thread, with what was told beside calls by then."""
    return {
        "values": values_of(told.snapshot(snapshot), snapshot.outputs),
        "next": [task.node for task in snapshot.tasks],
        "tasks": _tasks_json(snapshot, (), snapshot.tasks),
        "interrupts": _interrupts(snapshot.tasks),
        "checkpoint": checkpoint_json(snapshot.thread_id, snapshot.id),
        "parent_checkpoint": checkpoint_json(snapshot.thread_id, snapshot.parent_id) if snapshot.parent_id else None,
        "metadata": _metadata(snapshot),
        "created_at": snapshot.created_at,
    }


def checkpoint_json(thread_id: UUID, checkpoint_id: str | None, ns: Sequence[str] = ()) -> JsonObject:
    """Where a moment is found."""
    return {
        "thread_id": str(thread_id),
        "checkpoint_ns": "|".join(ns),
        "checkpoint_id": checkpoint_id,
        "checkpoint_map": None,
    }


def selected_state(state: JsonObject, select: Sequence[str] | None) -> JsonObject:
    """The fields of a state that were asked for; `values.NAME` is one value. Raises `InvalidInput` for unknown ones."""
    if select is None:
        return state
    require_fields([name.partition(".")[0] for name in select], STATE_FIELDS)
    shown = {name: state[name] for name in select if "." not in name}
    parts = [name.partition(".")[2] for name in select if name.startswith("values.")]
    if parts and "values" not in shown:
        shown["values"] = {name: state["values"][name] for name in parts if name in state["values"]}
    return shown


def _tasks_json(snapshot: Snapshot, ns: tuple[str, ...], tasks: Iterable[SnapshotTask]) -> list[JsonObject]:
    return [
        {
            "id": _task_id(snapshot, task, ns),
            "name": task.node,
            "path": ["__pregel_pull", task.node],
            "error": task.error,
            "interrupts": _interrupts([task]),
            "checkpoint": None,
            "state": _inner_json(snapshot, (*ns, f"{task.node}:{_task_id(snapshot, task, ns)}"), task.inner),
            "result": None,
        }
        for task in tasks
    ]


def _inner_json(snapshot: Snapshot, ns: tuple[str, ...], inner: InnerSnapshot | None) -> JsonObject | None:
    """Where the graph inside of a task stands."""
    if inner is None:
        return None
    return {
        "values": values_of(inner.state, None),
        "next": [task.node for task in inner.tasks],
        "tasks": _tasks_json(snapshot, ns, inner.tasks),
        "interrupts": _interrupts(inner.tasks),
        "checkpoint": checkpoint_json(snapshot.thread_id, inner.id, ns),
        "parent_checkpoint": None,
        "metadata": _metadata(snapshot) | {"parents": {"": snapshot.id}},
        "created_at": inner.created_at,
    }


def _interrupts(tasks: Iterable[SnapshotTask]) -> list[JsonObject]:
    return interrupts_of(pause.model_dump(mode="json") for task in tasks for pause in task.pauses)


def _task_id(snapshot: Snapshot, task: SnapshotTask, ns: tuple[str, ...] = ()) -> str:
    return str(uuid5(NAMESPACE_OID, ":".join((str(snapshot.id), *ns, task.node))))


def _metadata(snapshot: Snapshot) -> JsonObject:
    if snapshot.source is None:
        return {}
    found: JsonObject = {"source": snapshot.source, "thread_id": str(snapshot.thread_id), "parents": {}}
    if snapshot.run_id is not None:
        found["run_id"] = str(snapshot.run_id)
    if snapshot.agent is not None:
        found |= {"graph_id": snapshot.agent, "assistant_id": assistant_id_of(snapshot.agent)}
    return found


def _graph(thread: ThreadOut) -> JsonObject:
    """What LangGraph's servers note of the last run; what the app has noted itself stays."""
    if thread.agent is None:
        return {}
    noted = {"graph_id": thread.agent, "assistant_id": assistant_id_of(thread.agent)}
    return {name: value for name, value in noted.items() if name not in thread.metadata}
