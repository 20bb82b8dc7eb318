"""A span as it is told to a tracing system: where it lies, what it is called, how it ended. It holds no contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from girih.providers.telemetry.context import TraceContext


@dataclass(frozen=True)
class TracedSpan:
    """One span that has ended. `place` is its own; `attributes` are named as the semantic conventions name them."""

    place: TraceContext
    parent_id: str | None
    name: str
    kind: Literal["server", "client", "internal"]
    started_at: datetime
    ended_at: datetime
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    error: str | None = None


class SpanSink(Protocol):
    """Takes spans that have ended; never blocks and never raises."""

    def tell(self, span: TracedSpan) -> None:
        """One span."""
        ...
