"""Stopping a run: at once where nobody works on it, else by asking whoever does."""

from __future__ import annotations

from datetime import UTC, datetime

from girih.db.unit_of_work import Work
from girih.services.runs import repository
from girih.services.runs.executor import Ending
from girih.services.runs.schemas import ENDED
from girih.services.runs.tables import Run


async def cancel_row(work: Work, row: Run, *, keeps_state: bool = False) -> bool:
    """End a run that nobody works on; ask whoever works on it to end it.

    With `keeps_state` its thread keeps what it did so far: a run that waits is taken up once more, to leave that. Gives
    whether that is so.
    """
    if row.status in ENDED:
        return False
    now = datetime.now(UTC)
    if keeps_state and row.thread_id is not None:
        row.keeps_state = True
        if row.status == "interrupted":
            row.status, row.cancel_requested, row.expires_at = "queued", True, None
            await work.session.flush()
            return True
    if row.status == "running" and row.lease_until is not None and row.lease_until > now:
        row.cancel_requested = True
        await work.session.flush()
        return False
    duration = round((now - row.started_at).total_seconds() * 1000) if row.started_at else 0
    event = Ending("cancelled").event(usage={}, duration_ms=max(0, duration))
    await repository.end_unheld(work, row, event, status="cancelled")
    return False
