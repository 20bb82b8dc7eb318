"""The rows of feedback."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.unit_of_work import Work
from girih.services.feedback.schemas import FeedbackIn
from girih.services.feedback.tables import RunFeedback


async def put(work: Work, org_id: UUID, run_id: UUID, key: str, given: FeedbackIn) -> None:
    """Keep what was said, in the place of what was said before."""
    said = {**given.model_dump(), "given_at": func.now()}
    row = insert(RunFeedback).values(org_id=org_id, run_id=run_id, key=key, **said)
    await work.session.execute(row.on_conflict_do_update(index_elements=["org_id", "run_id", "key"], set_=said))


async def of_run(work: Work, org_id: UUID, run_id: UUID) -> Sequence[RunFeedback]:
    """What was said of the run, by key."""
    query = select(RunFeedback).where(RunFeedback.org_id == org_id, RunFeedback.run_id == run_id)
    return (await work.session.scalars(query.order_by(RunFeedback.key))).all()
