"""What a node waits for, and how its wait ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue


@dataclass(frozen=True)
class PauseRequest:
    """What a node waits for.

    `ask` and `approve` want an answer that fits `schema`; `tool` the result of a tool that the app executes; `timer`
    waits until `timeout` (seconds) is over; `event` for a domain event of the type `details["event"]` whose data has
    the values of `details["match"]`. `details` is shown to who answers: choices, or the tool and its arguments. After
    `timeout` the wait is over without an answer. No node asks for a `breakpoint`: whoever started the run did.
    """

    kind: Literal["ask", "approve", "timer", "event", "tool", "breakpoint"]
    message: str
    schema: JsonSchema = field(default_factory=dict)
    details: JsonObject = field(default_factory=dict)
    timeout: float | None = None


@dataclass(frozen=True)
class Reply:
    """How a pause ended: with the answer (or the event's data) in `value`, or because its time was over."""

    status: Literal["answered", "timed_out"]
    value: JsonValue = None
    by: str | None = None
    """Who answered, as far as that is known."""
