"""`wait`: lets time pass, or waits for a domain event."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from girih.errors import NodeError
from girih.language.nodes.base import STRING, Exit, Leaving, NodeConfig, NodeKind, Scope, Slot, object_of
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext
from girih.language.spec.durations import Duration
from girih.language.spec.event_types import EventType
from girih.language.spec.model import Name, Strict, TypeSpec
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.language.spec.types import object_schema

_OF_EVENTS = ("match", "returns", "timeout", "on_timeout")


class Waiting(Strict):
    """What is waited for: a time that passes, a moment, or an event."""

    for_: Annotated[Duration | None, Field(alias="for")] = None
    until: str | None = None
    event: EventType | None = None
    match: dict[Name, Any] | None = None
    returns: Annotated[dict[Name, TypeSpec], Field(min_length=1)] | None = None
    timeout: Duration | None = None
    on_timeout: str | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Waiting:
        if sum(value is not None for value in (self.for_, self.until, self.event)) != 1:
            raise PydanticCustomError("one_wait", "waits for exactly one of 'for', 'until' and 'event'")
        extra = next((name for name in _OF_EVENTS if getattr(self, name) is not None), None)
        if self.event is None and extra is not None:
            raise PydanticCustomError("no_event", "has '{key}', which belongs to 'event'", {"key": extra})
        if self.on_timeout is not None and self.timeout is None:
            raise PydanticCustomError("no_timeout", "has 'on_timeout' but no 'timeout' that could pass")
        return self


def as_waiting(value: Any) -> Any:
    """`wait: 1h` lets an hour pass."""
    return value if isinstance(value, dict) else {"for": value}


class WaitConfig(NodeConfig):
    """`wait: 1h`, `wait: { until: … }` or `wait: { event: … }`."""

    wait: Annotated[Waiting, BeforeValidator(as_waiting)]


class WaitNode(NodeKind[WaitConfig]):
    """Waits for a time, a moment or an event.

    `wait: 1h` (or `{ for: 1h }`) lets that much time pass, `{ until: "${ … }" }` waits for a moment in RFC 3339, with
    its offset (`2030-01-31T09:00:00Z`); one that has passed already is no wait. Neither gives a result.

    `{ event: order.paid, match: { order_id: "${ inputs.order_id }" } }` waits for a domain event of the project, of
    that type and with data that holds the values under `match`. It may have come since the run was started: an event
    that was faster than the graph is not missed, and each one counts once in a run. The result is the event's data;
    `returns` says what is expected in it, and data of another shape fails the node as `invalid_output`. After `timeout`
    the node leaves to `on_timeout` without a result, or fails as `timeout` where there is none.

    As with `ask`, a run that waits holds no process and survives restarts.
    """

    verb: ClassVar[str] = "wait"
    Config = WaitConfig
    example: ClassVar[str] = """\
payment:
  wait:
    event: order.paid
    match: { order_id: "${ inputs.order_id }" }
    returns: { amount: number }
    timeout: 7d
    on_timeout: $fail
  next: $end
"""

    def slots(self, config: WaitConfig, scope: Scope) -> Iterable[Slot]:
        wait = config.wait
        if wait.until is not None:
            yield Slot("until", ("wait", "until"), wait.until, STRING)
        if wait.match is not None:
            yield Slot("match", ("wait", "match"), wait.match, {"type": "object"})

    def exits(self, config: WaitConfig) -> Iterable[Exit]:
        if config.wait.on_timeout is not None:
            yield Exit("timeout", ("wait", "on_timeout"), config.wait.on_timeout)

    def returns(self, config: WaitConfig, scope: Scope) -> JsonSchema:
        if config.wait.event is None:
            return object_of({})
        if config.wait.returns is None:
            return {"type": "object"}
        return object_schema(config.wait.returns, closed=False)

    def lower(self, config: WaitConfig, scope: Scope) -> JsonObject:
        wait = config.wait
        if wait.event is None:
            return {"for": wait.for_}
        return {"event": wait.event, "timeout": wait.timeout, "leaves": wait.on_timeout is not None}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject | Leaving:
        if "event" not in settings:
            await ctx.pause("time", _timer(settings["for"], values.get("until")))
            return {}
        details = {"event": settings["event"], "match": dict(values.get("match") or {})}
        request = PauseRequest("event", f"waits for {settings['event']}", {}, details, settings["timeout"])
        reply = await ctx.pause("event", request)
        if reply.status == "answered":
            return dict(reply.value)
        if settings["leaves"]:
            return Leaving("timeout")
        raise NodeError(
            "timeout",
            f"no event '{settings['event']}' came within {settings['timeout']:g} seconds",
            help="say under on_timeout where to go then, or allow more time",
            can_pass=False,
        )


def _timer(seconds: float | None, until: str | None) -> PauseRequest:
    """A pause without an answer. The moment itself is in its details: a node has no clock to count from."""
    if until is None:
        return PauseRequest("timer", f"waits for {seconds:g} seconds", {}, {}, seconds)
    moment = moment_of(until).isoformat()
    return PauseRequest("timer", f"waits until {moment}", {}, {"until": moment})


def moment_of(text: str) -> datetime:
    """The moment that an RFC 3339 text names. Raises `NodeError`."""
    moment: datetime | None = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is None or moment.tzinfo is None:
        raise NodeError(
            "invalid_output",
            f"'{text[:100]}' is not a moment to wait until",
            help="write it as 2030-01-31T09:00:00Z, with its offset",
            can_pass=False,
        )
    return moment.astimezone(UTC)
