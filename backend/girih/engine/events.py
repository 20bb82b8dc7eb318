"""The run's events: the only kinds there are, and the shape each door tails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

from girih.language.spec.tree import JsonObject

EventType = Literal[
    "run.started",
    "run.interrupted",
    "run.resumed",
    "run.finished",
    "run.failed",
    "run.cancelled",
    "node.started",
    "node.finished",
    "node.failed",
    "node.skipped",
    "node.retried",
    "node.cancelled",
    "message.delta",
    "message.completed",
    "model.finished",
    "tool.delta",
    "tool.started",
    "tool.finished",
    "retrieval.finished",
    "state.updated",
    "memory.stored",
    "memory.recalled",
    "custom",
]
"""Closed: nothing else is ever emitted. What their data holds:

- `run.started` agent, version, digest, inputs · `run.interrupted` interrupts · `run.resumed` attempt, answers ·
  `run.finished` outputs, usage · `run.failed` error, usage · `run.cancelled`
- `node.started` verb, title, fork · `node.finished` verb, output, duration_ms, and as they apply usage, cached ·
  `node.failed` kind, message, help, and `handled` (`value` or `to`) where `on_error` takes care of it ·
  `node.skipped` (its `when` does not hold) verb · `node.retried` attempt, kind, message, wait_s ·
  `node.cancelled` (another branch has won or failed, or time is over) verb
- `message.delta` text, of an agent its `turn`, and `final` where an agent without tools says it ·
  `message.completed` text, model, usage, and as they apply turn, calls (with the `id` that the message has among the
  agent's `messages`), cut_off (at the limit of tokens) · `model.finished` (each call of a model, whatever became of it)
  model, provider, name (of the logical model that answered), usage, duration_ms, and as they apply first_token_ms,
  error (its kind, or `cancelled`) ·
  `tool.delta` a piece of a call as it arrives: index (of the turn's calls), arguments, and as they apply turn, call_id,
  tool, `app` where the tool is the app's · `tool.started` tool, arguments · `tool.finished` tool, result or error, and
  `changed` with the arguments where a person has changed them · `retrieval.finished` collection, hits
- `state.updated` values: what the node wrote, by name under `state:`, and for a fork whose branches wrote something
  `merged`: all of it by name, in the order in which it counts (what a branch wrote counts from then on) ·
  `memory.stored`, `memory.recalled` namespace, and what was stored or found · `custom` what a node of another package
  says, under its own `name`
"""

TERMINAL: frozenset[str] = frozenset({"run.finished", "run.failed", "run.cancelled"})
"""The types that end a run; each run's feed has exactly one, and it is the last."""


@dataclass(frozen=True)
class NewEvent:
    """An event as the engine emits it. `node` is the path through subgraphs (`refund/lookup`), `None` for the run.

    `ns` is the namespace in which what the node did is kept, `redact` what is left out of the record of runs (see
    `Tracing`); neither is a part of the event.
    """

    type: str
    data: JsonObject
    at: datetime
    node: str | None = None
    ns: str = field(default="", compare=False, repr=False)
    redact: frozenset[str] = field(default=frozenset(), compare=False, repr=False)


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

    def encoded(self, encode: Callable[[RunEvent], bytes]) -> bytes:
        """`encode` of this event, made once for all who read it."""
        known = self._encoded
        if encode not in known:
            known[encode] = encode(self)
        return known[encode]

    @cached_property
    def _encoded(self) -> dict[Callable[[RunEvent], bytes], bytes]:
        return {}
