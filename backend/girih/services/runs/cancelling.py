"""Stopping a run: at once where nobody works on it, else by asking whoever does."""

from __future__ import annotations

from datetime import UTC, datetime

from girih.db.unit_of_work import Work
from girih.services.runs import repository
from girih.services.runs.executor import Ending
from girih.services.runs.schemas import ENDED
from girih.services.runs.tables import Run


async def cancel_row(work: Work, row: Run) -> None:
    """End a run that nobody works on; ask whoever works on it to end it."""
    if row.status in ENDED:
        return
    now = datetime.now(UTC)
    if row.status == "running" and row.lease_until is not None and row.lease_until > now:
        row.cancel_requested = True
        await work.session.flush()
        return
    duration = round((now - row.started_at).total_seconds() * 1000) if row.started_at else 0
    event = Ending("cancelled").event(usage={}, duration_ms=max(0, duration))
    await repository.end_unheld(work, row, event, status="cancelled")
