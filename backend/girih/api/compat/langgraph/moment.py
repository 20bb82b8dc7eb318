"""What the stream modes are told of one event, and what they say of it."""

from __future__ import annotations

from dataclasses import dataclass

from girih.api.compat.langgraph.places import Places, Where
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.run_view import RunView


@dataclass(slots=True)
class Said:
    """One frame, before it has a place: its event's name, what it holds, and the namespace it is from."""

    name: str
    data: JsonValue
    ns: tuple[str, ...] = ()


@dataclass(slots=True)
class Moment:
    """An event, where it happened, and the run's values once it has. `values` are there where somebody may ask."""

    event: RunEvent
    view: RunView
    where: Where | None
    values: JsonObject
    changed: bool
    waiting: list[JsonObject] | None
    """What the run asks from now on, where it waits for its client."""
    places: Places

    @property
    def type(self) -> str:
        """The event's type."""
        return self.event.event.type

    @property
    def data(self) -> JsonObject:
        """What the event holds."""
        return self.event.event.data

    @property
    def is_own(self) -> bool:
        """Whether it happened in the graph itself, outside of every graph that a node runs."""
        return self.where is not None and not self.where.ns

    @property
    def metadata(self) -> JsonObject:
        """What LangChain notes of a message or a call; to be read, not to be changed."""
        return self.places.noted(self.where, self.event.attempt, self._metadata)

    def _metadata(self) -> JsonObject:
        run, where = self.view.run, self.where
        told: JsonObject = {
            "run_id": run.id,
            "thread_id": run.thread_id or run.id,
            "graph_id": run.agent,
            "run_attempt": self.event.attempt,
        }
        if where is None:
            return told
        return told | {
            "langgraph_node": where.node,
            "langgraph_step": where.step,
            "langgraph_checkpoint_ns": where.name,
            "checkpoint_ns": where.name,
        }
