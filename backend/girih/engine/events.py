"""The run's events: the only kinds there are, and the shape each door tails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from girih.language.spec.tree import JsonObject

EventType = Literal[
    "run.started",
    "run.resumed",
    "run.finished",
    "run.failed",
    "run.cancelled",
    "node.started",
    "node.finished",
    "node.failed",
    "message.delta",
    "message.completed",
    "tool.started",
    "tool.finished",
    "retrieval.finished",
]

TERMINAL: frozenset[str] = frozenset({"run.finished", "run.failed", "run.cancelled"})
"""The types that end a run; each run's feed has exactly one, and it is the last."""


@dataclass(frozen=True)
class NewEvent:
    """An event as the engine emits it. `node` is the path through subgraphs (`refund/lookup`), `None` for the run."""

    type: str
    data: JsonObject
    at: datetime
    node: str | None = None


@dataclass(frozen=True)
class RunEvent:
    """An event as it was recorded: `seq` counts from 1 within the run and never repeats."""

    run_id: str
    seq: int
    attempt: int
    event: NewEvent

    def as_dict(self) -> JsonObject:
        """The form that streams, logs and `run --json` share."""
        return {
            "run_id": self.run_id,
            "seq": self.seq,
            "attempt": self.attempt,
            "at": self.event.at.isoformat(),
            "type": self.event.type,
            "node": self.event.node,
            "data": self.event.data,
        }
