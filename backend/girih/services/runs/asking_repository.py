"""Which of the runs that wait do so for somebody: the others go on by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, select

from girih.db.unit_of_work import Work
from girih.services.runs.tables import RunPause

BY_ITSELF = frozenset({"timer", "event"})
"""Kinds of waits that end without anybody who asks the run to go on."""


def asks_somebody() -> tuple[ColumnElement[bool], ...]:
    """Of a pause: it is open, and somebody has to end it."""
    return RunPause.state == "open", RunPause.kind.not_in(sorted(BY_ITSELF))


async def asking(work: Work, org_id: UUID, run_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the runs that wait for somebody."""
    query = select(RunPause.run_id).where(RunPause.org_id == org_id, RunPause.run_id.in_(run_ids), *asks_somebody())
    return set((await work.session.scalars(query.distinct())).all())
