"""Traces of runs, as far as the caller may see them."""

from __future__ import annotations

import asyncio
from uuid import UUID

from sqlalchemy import select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.engine.events import NewEvent, RunEvent
from girih.errors import NotFound
from girih.providers.telemetry.context import of_run
from girih.services.runs import tables
from girih.services.runs.reader import no_such_run
from girih.services.runs.redaction import Redaction
from girih.services.runs.spans import TraceOut
from girih.services.runs.waterfall import spans_of
from girih.services.runs.withheld import LEFT_OUT

MOST_EVENTS = 20_000
"""More events of a run are not read; its trace then ends early and says so."""
CONTENTS = "runs:read"
"""The permission without which a trace shows no contents."""
_PIECES = ("message.delta", "tool.delta")


class Traces:
    """Computes traces from the record of events."""

    def __init__(self, uow: UnitOfWork, redaction: Redaction) -> None:
        self._uow = uow
        self._redaction = redaction

    async def trace(self, scope: OrgScope, run_id: UUID) -> TraceOut:
        """The run's trace, also while it goes on. Raises `NotFound`, also for a run that never began."""
        async with self._uow(scope) as work:
            query = select(tables.Run.traceparent).where(
                tables.Run.org_id == scope.org_id,
                tables.Run.project_id == scope.project_id,
                tables.Run.id == run_id,
            )
            found = (await work.session.execute(query)).one_or_none()
            events = await _events(work, scope.org_id, run_id) if found else []
        if found is None:
            raise no_such_run(run_id)
        if events and events[0].event.type != "run.started" and events[0].seq > 1:
            raise NotFound(
                f"the events of run `{run_id}` are not kept any more, and so it has no trace",
                help="the run itself tells how it ended; how long events are kept is the project's retention",
            )
        root = spans_of(str(run_id), events)
        if root is None:
            raise NotFound(f"run `{run_id}` has not begun yet", help="ask again when it runs")
        if len(events) == MOST_EVENTS:
            root.attributes["truncated"] = True
        # Looking for personal data takes time that others would wait for.
        content = await asyncio.to_thread(self._redaction.apply, root, shown=CONTENTS in scope.permissions)
        if content == "full" and any(LEFT_OUT in event.event.data for event in events):
            content = "redacted"
        trace_id = of_run(str(run_id), found.traceparent).trace_id
        return TraceOut(run_id=str(run_id), trace_id=trace_id, content=content, root=root)


async def _events(work: Work, org_id: UUID, run_id: UUID) -> list[RunEvent]:
    """The events that a trace is made of: all but the pieces of messages."""
    row = tables.RunEvent
    query = select(row.seq, row.attempt, row.at, row.type, row.node, row.data).where(
        row.org_id == org_id, row.run_id == run_id, row.type.not_in(_PIECES)
    )
    rows = await work.session.execute(query.order_by(row.seq).limit(MOST_EVENTS))
    return [
        RunEvent(str(run_id), r.seq, r.attempt, NewEvent(type=r.type, data=r.data, at=r.at, node=r.node)) for r in rows
    ]
