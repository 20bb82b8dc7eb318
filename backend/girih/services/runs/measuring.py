"""Counts what runs do, for Prometheus: from the events that are committed, with no label that a tenant chooses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select

from girih.db.unit_of_work import UnitOfWork
from girih.engine.events import NewEvent
from girih.language.spec.tree import JsonObject
from girih.providers.telemetry.metrics import Metrics
from girih.services.runs import tables
from girih.services.runs.repository import Claim
from girih.services.runs.usage import CALL, usage_in

_ENDS = {
    "run.finished": "succeeded", "run.failed": "failed", "run.cancelled": "cancelled", "run.interrupted": "interrupted",
}  # fmt: skip


MOST_COUNTED = 100_000
"""More waiting runs are not told apart."""


async def count_waiting(uow: UnitOfWork) -> int:
    """How many runs wait for a slot, of all organizations; not those whose time has not come."""
    async with uow.reading_for("reconcile") as work:
        may_begin = func.coalesce(tables.Run.not_before, func.now()) <= func.now()
        waiting = select(tables.Run.id).where(tables.Run.status == "queued", may_begin).limit(MOST_COUNTED).subquery()
        return await work.session.scalar(select(func.count()).select_from(waiting)) or 0


class RunMetrics:
    """Watches the runs of this process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._new: set[UUID] = set()

    def begun(self, claim: Claim) -> None:
        """A run is executed here."""
        self._metrics.active.inc()
        if claim.attempt == 1:
            self._new.add(claim.run_id)

    def recorded(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """Its events are committed."""
        metrics = self._metrics
        metrics.events.inc(len(events))
        if claim.run_id in self._new:
            self._new.discard(claim.run_id)
            metrics.first_event.observe(_since(claim.started_at))
        for event in events:
            if event.type in _ENDS:
                status = _ENDS[event.type]
                metrics.runs.labels(status).inc()
                if status != "interrupted":
                    metrics.run_seconds.labels(status).observe(_since(claim.started_at))
            elif event.type == CALL:
                self._call(event.data)
            elif event.type == "tool.finished":
                metrics.tools.labels("failed" if event.data.get("error") else "ok").inc()
            elif event.type == "node.failed":
                metrics.failures.labels(str(event.data.get("kind", "internal"))).inc()

    def left(self, claim: Claim, reason: str) -> None:
        """It is not executed here any more."""
        self._metrics.active.dec()
        self._new.discard(claim.run_id)
        if reason == "lost":
            self._metrics.lost.inc()

    def _call(self, data: JsonObject) -> None:
        metrics, used = self._metrics, usage_in(data)
        labels = metrics.model(str(data.get("model", "")), str(data.get("provider", "")))
        metrics.calls.labels(*labels, str(data.get("error", "ok"))).inc()
        metrics.tokens.labels(*labels, "in").inc(used.input_tokens)
        metrics.tokens.labels(*labels, "out").inc(used.output_tokens)
        metrics.cost.labels(*labels).inc(max(0.0, used.cost_usd))
        metrics.call_seconds.labels(*labels).observe(float(data.get("duration_ms", 0)) / 1000)
        if "first_token_ms" in data:
            metrics.first_token.labels(*labels).observe(float(data["first_token_ms"]) / 1000)


def _since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())
