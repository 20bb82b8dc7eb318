"""A run's events as frames of LangGraph's stream modes; which frames come depends on nothing but the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from girih.api.compat.langgraph.frames import LAST, MODES, PER_MODE, Frame, Place
from girih.api.compat.langgraph.interrupts import INTERRUPT, interrupts_of, is_for_clients
from girih.api.compat.langgraph.mode_events import told_as_events
from girih.api.compat.langgraph.mode_messages import Pieces
from girih.api.compat.langgraph.mode_tasks import Tasks, debugged
from girih.api.compat.langgraph.mode_tools import told_as_tools
from girih.api.compat.langgraph.moment import Moment, Said
from girih.api.compat.langgraph.places import Places
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.run_view import RunView
from girih.services.runs.told_values import ToldValues
from girih.services.runs.values import values_of

ENDS: Mapping[str, str] = {
    "run.finished": "success",
    "run.failed": "error",
    "run.cancelled": "interrupted",
    "run.interrupted": "interrupted",
}
"""Events that end an answer, and the status that a run then has."""
_DONE = frozenset({"node.finished", "node.failed", "node.cancelled", "node.skipped"})
_CUSTOM = frozenset({"custom", "retrieval.finished", "memory.stored", "memory.recalled"})

Mode: TypeAlias = Callable[[Moment], Iterator[Said]]


class Telling:
    """Tells one run, from its first event, in the modes that are wanted."""

    def __init__(self, view: RunView, modes: frozenset[str], *, subgraphs: bool) -> None:
        self._view = view
        self._subgraphs = subgraphs
        self._told = ToldValues(view)
        self._places = Places(view.run.id)
        self._writing = frozenset(node.name for node in view.plan.nodes if node.writes)
        self._last_node = view.plan.start
        self._tasks = Tasks(view)
        pieces = Pieces(view)
        every: Mapping[str, Mode] = {
            "messages-tuple": pieces.tuples,
            "messages": pieces.partials,
            "tools": told_as_tools,
            "custom": _customs,
            "events": told_as_events,
            "tasks": self._tasks.tasks,
            "updates": self._updates,
            "values": _values,
            "checkpoints": self._tasks.checkpoints,
            "debug": debugged(self._tasks),
        }
        self._pieces = pieces if modes & {"messages", "messages-tuple"} else None
        self._modes = [(number, every[name]) for number, name in enumerate(MODES) if name in modes]

    @property
    def values(self) -> JsonObject:
        """The run's values now."""
        return self._told.values

    def take(self, event: RunEvent) -> list[Frame]:
        """The frames of an event, the one that ends an answer among them."""
        self.moment = moment = self._moment(event)
        if self._pieces is not None:
            self._pieces.take(moment)
        frames = [
            Frame(Place(event.seq, number * PER_MODE + at), _named(said), said.data)
            for number, mode in self._modes
            for at, said in enumerate(mode(moment))
            if self._subgraphs or not said.ns
        ]
        self._tasks.after(moment)
        if (end := _end(moment)) is not None:
            frames.append(end)
        return frames

    def _moment(self, event: RunEvent) -> Moment:
        path, name = event.event.node, event.event.type
        changed = self._told.take(event)
        where = None
        ends = is_end(event)
        if path is not None:
            where = self._places.begin(path) if name == "node.started" else self._places.of(path)
            if name in _DONE:
                self._places.end(path)
            if name == "node.started" and not where.ns:
                self._last_node = where.node
        waiting = interrupts_of(event.event.data["interrupts"]) if ends and name == "run.interrupted" else None
        return Moment(
            event,
            self._view,
            where,
            self._told.values if changed or ends or name == "node.started" else {},
            changed,
            waiting,
            self._places,
        )

    def _updates(self, moment: Moment) -> Iterator[Said]:
        name, data = moment.type, moment.data
        if name == "node.finished" and moment.where is not None:
            if not (moment.is_own and moment.where.node in self._writing):
                yield Said("updates", {moment.where.node: _output(data)}, moment.where.ns)
            else:
                self._held = _output(data) or {}
        elif name == "state.updated" and moment.where is not None:
            values = data["values"]
            if not values:
                return
            if moment.is_own and moment.where.node in self._writing:
                values = self._held | values
            yield Said("updates", {moment.where.node: values_of(values)}, moment.where.ns)
        elif name == "run.finished":
            yield Said("updates", {self._last_node: self._end_of(moment)})
        elif moment.waiting is not None:
            yield Said("updates", {INTERRUPT: moment.waiting})

    def _end_of(self, moment: Moment) -> JsonObject:
        """What the end of a run adds to its values: the outputs, and the answer of a chat."""
        added: JsonObject = dict(moment.data.get("outputs") or {})
        if self._view.plan.chat and moment.values.get("messages"):
            added["messages"] = moment.values["messages"][-1:]
        return added

    moment: Moment
    """What was taken last."""
    _held: JsonObject = {}  # noqa: RUF012 - replaced, never changed


def _output(data: JsonObject) -> JsonValue:
    """What a node gives; the messages of an agent as LangChain writes them."""
    output = data.get("output")
    return values_of(output) if data.get("verb") == "agent" and isinstance(output, dict) else output


def _values(moment: Moment) -> Iterator[Said]:
    if moment.waiting is not None:
        yield Said("values", {**moment.values, INTERRUPT: moment.waiting})
    elif moment.changed:
        yield Said("values", moment.values)


def _customs(moment: Moment) -> Iterator[Said]:
    if moment.type in _CUSTOM and moment.where is not None:
        told = moment.data if moment.type == "custom" else {"type": moment.type, "data": moment.data}
        yield Said("custom", told | {"node": moment.where.node} if moment.type != "custom" else told, moment.where.ns)


def _named(said: Said) -> str:
    return "|".join((said.name, *said.ns)) if said.ns else said.name


def is_end(event: RunEvent) -> bool:
    """Whether an answer is over with it: the run has ended, or waits for something that clients can give."""
    if event.event.type == "run.interrupted":
        return is_for_clients(event.event.data["interrupts"])
    return event.event.type in ENDS


def _end(moment: Moment) -> Frame | None:
    if not is_end(moment.event):
        return None
    place = Place(moment.event.seq, LAST)
    if moment.type == "run.failed":
        error = moment.data.get("error") or {}
        return Frame(place, "error", {"error": error.get("kind", "internal"), "message": error.get("message", "")})
    return Frame(place, "end", {"run_id": moment.view.run.id, "status": ENDS[moment.type]})
