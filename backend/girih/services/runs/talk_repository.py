"""Where what agents said beside calls is kept: in the events of the runs on a thread."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.engine.events import NewEvent, RunEvent
from girih.services.runs import tables
from girih.services.runs.tables import Run

_PIECES = ("message.completed", "tool.finished")


async def digests(work: Work, scope: OrgScope, thread_ids: Collection[UUID]) -> set[str]:
    """The plans that runs on these threads had."""
    query = select(Run.digest).distinct()
    found = await work.session.scalars(query.where(*_on(scope, thread_ids)))
    return set(found)


async def events(
    work: Work, scope: OrgScope, thread_ids: Collection[UUID], plans: Collection[str], *, limit: int
) -> list[tuple[str, RunEvent]]:
    """What agents of runs with these plans did: with each run's plan, in order; the newest `limit` of them.

    Of an agent that is done its end tells all.
    """
    row = tables.RunEvent
    is_end = and_(row.type == "node.finished", row.data["verb"].as_string() == "agent")
    is_piece = and_(row.type.in_(_PIECES), Run.status != "succeeded")
    query = (
        select(Run.digest, row.run_id, row.seq, row.attempt, row.at, row.type, row.node, row.data)
        .join(Run, and_(Run.org_id == row.org_id, Run.id == row.run_id))
        .where(*_on(scope, thread_ids), Run.digest.in_(plans), row.org_id == scope.org_id, or_(is_end, is_piece))
        .order_by(row.run_id.desc(), row.seq.desc())
        .limit(limit)
    )
    found = (await work.session.execute(query)).all()
    return [
        (r.digest, RunEvent(str(r.run_id), r.seq, r.attempt, NewEvent(type=r.type, data=r.data, at=r.at, node=r.node)))
        for r in reversed(found)
    ]


def _on(scope: OrgScope, thread_ids: Collection[UUID]) -> tuple[ColumnElement[bool], ...]:
    return Run.org_id == scope.org_id, Run.project_id == scope.project_id, Run.thread_id.in_(thread_ids)
