"""The stream modes `tasks`, `checkpoints` and `debug`: each node's work, and the values between two of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from girih.api.compat.langgraph.moment import Moment, Said
from girih.language.spec.tree import JsonObject
from girih.services.runs.run_view import RunView


class Tasks:
    """Tells when tasks begin and end."""

    def __init__(self, view: RunView) -> None:
        self._thread = view.run.thread_id or view.run.id
        self._run_id = view.run.id
        self._step = -1
        self._task = ""
        """The last one that was told; it is told again when it goes on after a wait, but is no other step."""
        self._own = frozenset(node.name for node in view.plan.nodes if node.region is None)

    def after(self, moment: Moment) -> None:
        """An event has been told."""
        if self._is_step(moment):
            self._step += 1
            self._task = moment.where.task if moment.where is not None else ""

    def tasks(self, moment: Moment) -> Iterator[Said]:
        """A task that begins, or what became of it."""
        where, data = moment.where, moment.data
        if where is not None and moment.type == "node.started":
            begun = {"id": where.task, "name": where.node, "input": {}, "triggers": [f"branch:to:{where.node}"]}
            yield Said("tasks", begun, where.ns)
        elif where is not None and moment.type == "node.finished":
            yield Said("tasks", _ended(where.task, where.node, result=data.get("output")), where.ns)
        elif where is not None and moment.type == "node.failed":
            yield Said("tasks", _ended(where.task, where.node, error=data.get("message")), where.ns)
        for shown in moment.waiting or ():
            place = moment.places.of(shown["value"]["node"])
            yield Said("tasks", _ended(place.task, place.node, interrupts=[shown]), place.ns)

    def checkpoints(self, moment: Moment) -> Iterator[Said]:
        """The values before a node, or at the end."""
        if not self._is_step(moment):
            return
        named: JsonObject = {"configurable": {"thread_id": self._thread, "checkpoint_ns": ""}}
        task = moment.where if moment.type == "node.started" else None
        nodes = [task.node] if task is not None else []
        yield Said(
            "checkpoints",
            {
                "config": named,
                "parent_config": named if self._step >= 0 else None,
                "values": moment.values,
                "metadata": {
                    "source": "input" if self._step < 0 else "loop",
                    "step": self._step,
                    "run_id": self._run_id,
                },
                "next": nodes,
                "tasks": [{"id": task.task, "name": task.node, "interrupts": [], "state": None}] if task else [],
            },
        )

    def wrapped(self, kind: str, said: Said, moment: Moment) -> Said:
        """What `debug` makes of it."""
        told = {"step": self._step, "timestamp": moment.event.event.at.isoformat(), "type": kind, "payload": said.data}
        return Said("debug", told, said.ns)

    def _is_step(self, moment: Moment) -> bool:
        if moment.where is None:
            return moment.type == "run.finished"
        is_own = moment.type == "node.started" and moment.event.event.node in self._own
        return is_own and moment.where.task != self._task


def debugged(tasks: Tasks) -> Callable[[Moment], Iterator[Said]]:
    """The mode `debug`."""

    def debug(moment: Moment) -> Iterator[Said]:
        for said in tasks.checkpoints(moment):
            yield tasks.wrapped("checkpoint", said, moment)
        for said in tasks.tasks(moment):
            yield tasks.wrapped("task" if moment.type == "node.started" else "task_result", said, moment)

    return debug


def _ended(
    task: str,
    name: str,
    *,
    result: JsonObject | None = None,
    error: str | None = None,
    interrupts: list[JsonObject] | None = None,
) -> JsonObject:
    return {"id": task, "name": name, "error": error, "result": result or {}, "interrupts": interrupts or []}
