"""Tells a tracing system what runs did, by the GenAI conventions: names, numbers and times, and no contents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from girih.engine.events import NewEvent, RunEvent
from girih.language.spec.tree import JsonObject
from girih.providers.telemetry.context import TraceContext, of_run, read_traceparent
from girih.providers.telemetry.spans import SpanSink, TracedSpan
from girih.services.runs.repository import Claim
from girih.services.runs.spans import Span
from girih.services.runs.waterfall import Waterfall

_PIECES = frozenset({"message.delta", "tool.delta"})
MOST_EVENTS = 20_000
"""Events of one attempt that are kept for its spans."""

Attributes = dict[str, str | int | float | bool]


@dataclass
class _Kept:
    claim: Claim
    events: list[NewEvent] = field(default_factory=list)


class RunTracing:
    """Collects the events of each attempt and tells its spans when the attempt is over here."""

    def __init__(self, sink: SpanSink) -> None:
        self._sink = sink
        self._kept: dict[UUID, _Kept] = {}

    def begun(self, claim: Claim) -> None:
        """An attempt begins."""
        self._kept[claim.run_id] = _Kept(claim)

    def recorded(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """Its events."""
        kept = self._kept.get(claim.run_id)
        if kept is not None and len(kept.events) < MOST_EVENTS:
            kept.events += [event for event in events if event.type not in _PIECES]

    def left(self, claim: Claim, reason: str) -> None:
        """It is over here."""
        kept = self._kept.pop(claim.run_id, None)
        if kept is not None and kept.events:
            for span in traced(kept.claim, kept.events, is_over=reason == "ended"):
                self._sink.tell(span)


def traced(claim: Claim, events: Sequence[NewEvent], *, is_over: bool) -> Iterator[TracedSpan]:
    """The spans of an attempt, and with the last one that of the run."""
    run_id = str(claim.run_id)
    began = NewEvent(
        "run.started", {"agent": claim.agent, "version": claim.version, "digest": claim.digest}, claim.started_at
    )
    waterfall = Waterfall(run_id)
    waterfall.take(RunEvent(run_id, 0, claim.attempt, began if claim.attempt == 1 else _later(began, events)))
    for number, event in enumerate(events, start=1):
        if event.type != "run.started":
            waterfall.take(RunEvent(run_id, claim.last_seq + number, claim.attempt, event))
    root = waterfall.measured()
    if root is None:
        return
    root.started_at = claim.started_at
    place, caller = of_run(run_id, claim.traceparent), read_traceparent(claim.traceparent)
    if is_over:
        yield _traced(root, place, caller.span_id if caller else None, claim)
    for part in root.spans:
        yield from _below(part, place, place.span_id, claim)


def _later(began: NewEvent, events: Sequence[NewEvent]) -> NewEvent:
    """The beginning of a later attempt: the run's first event was another one's."""
    return NewEvent(began.type, began.data, events[0].at)


def _below(span: Span, run: TraceContext, parent: str, claim: Claim) -> Iterator[TracedSpan]:
    place = TraceContext(run.trace_id, span.id, run.is_sampled)
    yield _traced(span, place, parent, claim)
    for part in span.spans:
        yield from _below(part, run, span.id, claim)


def _traced(span: Span, place: TraceContext, parent: str | None, claim: Claim) -> TracedSpan:
    name, attributes = _named(span)
    attributes |= {"girih.run.id": str(claim.run_id), "girih.span.status": span.status}
    attributes |= {"girih.node": span.node} if span.node else {}
    error = str(span.attributes.get("error") or span.attributes.get("kind") or "internal")
    return TracedSpan(
        place=place,
        parent_id=parent,
        name=name,
        kind="client" if span.kind in ("model", "retrieval") else "internal",
        started_at=span.started_at,
        ended_at=max(span.ended_at or datetime.now(UTC), span.started_at),
        attributes=attributes,
        error=error if span.status == "failed" else None,
    )


def _named(span: Span) -> tuple[str, Attributes]:
    told = span.attributes
    if span.kind == "run":
        known: Attributes = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": span.name}
        known |= {"girih.agent.version": str(told["version"])} if "version" in told else {}
        return f"invoke_workflow {span.name}", known | _usage(told)
    if span.kind == "model":
        return f"chat {span.name}", _model(span)
    if span.kind == "tool":
        known = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": span.name}
        return f"execute_tool {span.name}", known | (
            {"gen_ai.tool.call.id": str(told["call_id"])} if told.get("call_id") else {}
        )
    if span.kind == "retrieval":
        return f"retrieval {span.name}", {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": span.name}
    verb = str(told.get("verb", span.kind))
    if verb == "agent":
        known = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": span.name}
        return f"invoke_agent {span.name}", known | _usage(told)
    return f"{verb} {span.name}" if span.kind == "node" else f"{span.kind} {span.name}", {"girih.verb": verb}


def _model(span: Span) -> Attributes:
    told = span.attributes
    known: Attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": span.name}
    if told.get("provider"):
        known |= {"gen_ai.provider.name": str(told["provider"]), "gen_ai.response.model": span.name}
    if "first_token_ms" in told:
        known["gen_ai.response.time_to_first_chunk"] = float(told["first_token_ms"]) / 1000
    return known | _usage(told)


def _usage(told: JsonObject) -> Attributes:
    usage = told.get("usage") or {}
    known: Attributes = {
        f"gen_ai.usage.{name}": int(usage[name]) for name in ("input_tokens", "output_tokens") if name in usage
    }
    return known | ({"girih.cost_usd": float(usage["cost_usd"])} if usage.get("cost_usd") else {})
