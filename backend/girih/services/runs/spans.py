"""The spans of a run: its attempts, waits, nodes, model calls, tools and searches, each with its place in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from girih.language.spec.tree import JsonObject, JsonValue

SpanKind = Literal["run", "attempt", "wait", "node", "item", "model", "tool", "retrieval"]
SpanStatus = Literal["running", "ok", "failed", "cancelled", "skipped", "waiting"]


class Span(BaseModel):
    """One stretch of a run. `offset_ms` counts from the run's start.

    `attributes` hold what is measured and named, `content` what people and models wrote: inputs, outputs, arguments,
    results, messages. `content` is absent where it may not be shown.
    """

    id: str
    kind: SpanKind
    name: str
    node: str | None = None
    status: SpanStatus = "running"
    started_at: datetime
    ended_at: datetime | None = None
    offset_ms: float = 0.0
    duration_ms: float | None = None
    attributes: JsonObject = {}
    content: JsonObject | None = None
    spans: list[Span] = []

    def end(self, at: datetime, status: SpanStatus) -> None:
        """The stretch ends, if it has not."""
        if self.ended_at is None:
            self.ended_at, self.status = max(at, self.started_at), status

    def add(self, **content: JsonValue) -> None:
        """What people or models wrote."""
        self.content = (self.content or {}) | content


class TraceOut(BaseModel):
    """A run's trace. `trace_id` is the one that its spans have elsewhere, in a tracing system."""

    run_id: str
    trace_id: str
    content: Literal["full", "redacted", "none"]
    root: Span


def measure(span: Span, began: datetime) -> None:
    """Fill in where each span lies in the run, and how long it took; an item ends with the last thing in it."""
    for part in span.spans:
        measure(part, began)
    if span.kind == "item" and span.spans and all(part.ended_at for part in span.spans):
        span.started_at = min(part.started_at for part in span.spans)
        span.ended_at = max(part.ended_at for part in span.spans if part.ended_at)
        span.status = "failed" if any(part.status == "failed" for part in span.spans) else "ok"
    span.spans.sort(key=lambda part: part.started_at)
    span.offset_ms = _milliseconds(began, span.started_at)
    if span.ended_at is not None:
        span.duration_ms = _milliseconds(span.started_at, span.ended_at)


def walk(span: Span) -> Iterator[Span]:
    """The span and all below it, from above."""
    yield span
    for part in span.spans:
        yield from walk(part)


def _milliseconds(began: datetime, ended: datetime) -> float:
    return round((ended - began).total_seconds() * 1000, 1)
