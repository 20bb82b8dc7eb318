"""A run's events in the words of LangGraph's event-streaming protocol: channels, namespaces, and messages in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from girih.api.compat.langgraph.interrupts import INTERRUPT
from girih.api.compat.langgraph.moment import Moment
from girih.api.compat.langgraph.protocol_messages import Blocks
from girih.api.compat.langgraph.telling import Telling, is_end
from girih.api.compat.langgraph.told import Told
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.run_view import RunView

_LIFECYCLE: Mapping[str, str] = {
    "run.started": "started",
    "run.resumed": "running",
    "run.interrupted": "interrupted",
    "run.finished": "completed",
    "run.failed": "failed",
    "run.cancelled": "completed",
}
_DATA = ("values", "updates", "tools", "tasks", "custom")


class Protocol:
    """Tells one run from its first event."""

    def __init__(self, view: RunView) -> None:
        self._view = view
        self._telling = Telling(view, frozenset(_DATA), subgraphs=True)
        self._blocks = Blocks(view)
        self._graphs = frozenset(node.name for node in view.plan.nodes if node.verb == "graph")

    def take(self, event: RunEvent) -> list[Told]:
        """What is told of an event, in order, in all channels."""
        frames = self._telling.take(event)
        moment = self._telling.moment
        told = list(self._begun(moment))
        told += self._blocks.take(moment)
        for frame in frames:
            name, *ns = frame.name.split("|")
            if name in _DATA:
                told += _of_mode(name, tuple(ns), frame.data)
        told += self._ended(moment)
        return told

    def _begun(self, moment: Moment) -> Iterator[Told]:
        if moment.type in ("run.started", "run.resumed"):
            yield _lifecycle((), _LIFECYCLE[moment.type], graph_name=self._view.run.agent)
        if moment.type == "run.started" and self._view.before is not None:
            # The moments within a run are no part of its log: clients read them in the thread's history.
            begins = {"id": self._view.run.id, "parent_id": self._view.before, "step": -1, "source": "input"}
            yield Told("checkpoints", "checkpoints", (), begins)
        if moment.type == "node.started" and (ns := self._inside(moment)) is not None:
            yield _lifecycle(ns, "started", graph_name=ns[-1].partition(":")[0])

    def _ended(self, moment: Moment) -> Iterator[Told]:
        if moment.type in ("node.finished", "node.failed") and (ns := self._inside(moment)) is not None:
            yield _lifecycle(ns, "completed" if moment.type == "node.finished" else "failed")
        for asked in moment.waiting or ():
            data = {"interrupt_id": asked["id"], "payload": asked["value"], "value": asked["value"]}
            yield Told("input", "input.requested", (), data)
        if is_end(moment.event):
            error = moment.data.get("error") or {}
            more = {"error": f"{error.get('kind')}: {error.get('message')}"} if error else {}
            yield _lifecycle((), _LIFECYCLE[moment.type], **more)

    def _inside(self, moment: Moment) -> tuple[str, ...] | None:
        """The namespace of the graph that a node runs."""
        where = moment.where
        if where is None or where.ns or where.node not in self._graphs:
            return None
        return (f"{where.node}:{where.task}",)


def _of_mode(name: str, ns: tuple[str, ...], data: JsonValue) -> Iterator[Told]:
    if name == "updates" and isinstance(data, dict):
        for node, values in data.items():
            if node != INTERRUPT:
                yield Told("updates", "updates", ns, {"node": node, "values": values or {}})
    elif name == "custom" and isinstance(data, dict):
        label = data.get("name") or data.get("type")
        channel = f"custom:{label}" if label else "custom"
        yield Told(channel, "custom", ns, ({"name": label} if label else {}) | {"payload": data})
    elif name == "values" and isinstance(data, dict):
        yield Told("values", "values", ns, {key: value for key, value in data.items() if key != INTERRUPT})
    else:
        yield Told(name, name, ns, data)


def _lifecycle(ns: tuple[str, ...], event: str, **more: str) -> Told:
    data: JsonObject = {"event": event, **more}
    return Told("lifecycle", "lifecycle", ns, data)
