"""Removing what is kept no longer of runs that have ended: their checkpoints, their events, or all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, Select, and_, delete, func, inspect, select, true, tuple_

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.engine.events import TERMINAL
from girih.services.runs.tables import (
    OfRun,
    Run,
    RunCheckpoint,
    RunCheckpointBlob,
    RunCheckpointWrite,
    RunEvent,
    RunRecord,
)

STORED: tuple[type[OfRun], ...] = (RunCheckpointWrite, RunCheckpointBlob, RunCheckpoint, RunRecord)
"""What a run can be continued from."""

RemoveOf: TypeAlias = Callable[[Work, OrgScope, datetime | None, datetime], Awaitable[int]]
"""Removes something of the project's runs that ended after one moment and up to another; gives how many rows. Where
they are `MOST` or more, there may be others left."""

MOST = 5000
"""So many rows of a table are removed in one transaction: a single run may have more."""


async def end_of_batch(
    work: Work, scope: OrgScope, after: datetime | None, before: datetime, *, limit: int
) -> datetime | None:
    """When the last of the next `limit` runs ended, of those that ended between; `None` when there are fewer."""
    query = select(Run.finished_at).where(*_ended(scope, after), Run.finished_at < before)
    return await work.session.scalar(query.order_by(Run.finished_at).offset(limit - 1).limit(1))


async def remove_checkpoints(work: Work, scope: OrgScope, after: datetime | None, end: datetime) -> int:
    """Remove all that the runs could be continued from."""
    ended = select(Run.id).where(*_ended(scope, after), Run.finished_at <= end)
    return sum([await _remove(work, scope, table, ended) for table in STORED])


async def remove_events(work: Work, scope: OrgScope, after: datetime | None, end: datetime) -> int:
    """Remove the runs' events but the last, which tells how each of them ended."""
    ended = select(Run.id).where(*_ended(scope, after), Run.finished_at <= end)
    return await _remove(work, scope, RunEvent, ended, RunEvent.type.not_in(sorted(TERMINAL)))


async def remove_runs(work: Work, scope: OrgScope, before: datetime, *, limit: int) -> tuple[int, bool]:
    """Remove the runs that ended first, with all that belongs to them; gives how many, and whether others may be left.

    Where they have too many rows for one transaction, some of these go first.
    """
    query = select(Run.id).where(*_ended(scope, None), Run.finished_at < before)
    oldest = query.order_by(Run.finished_at).limit(limit)
    everything: tuple[type[OfRun], ...] = (*STORED, RunEvent)
    for table in everything:
        if await _remove(work, scope, table, oldest) >= MOST:
            return 0, True
    gone = delete(Run).where(Run.org_id == scope.org_id, Run.id.in_(oldest)).returning(Run.id)
    removed = len((await work.session.scalars(gone)).all())
    return removed, removed == limit


async def unwanted_runs(work: Work, *, after: timedelta, limit: int) -> dict[OrgScope, list[UUID]]:
    """Runs of all organizations that were to be removed once they had ended so long ago, the earliest first."""
    query = select(Run.id, Run.org_id, Run.project_id).where(
        Run.on_completion == "delete", Run.finished_at <= func.now() - after
    )
    found: dict[OrgScope, list[UUID]] = {}
    for row in await work.session.execute(query.order_by(Run.finished_at).limit(limit)):
        found.setdefault(OrgScope(row.org_id, row.project_id), []).append(row.id)
    return found


async def remove_unwanted(work: Work, scope: OrgScope, run_ids: Sequence[UUID]) -> None:
    """Remove these of the project's runs, with all that belongs to them."""
    mine = Run.org_id == scope.org_id, Run.project_id == scope.project_id, Run.finished_at.is_not(None)
    await work.session.execute(delete(Run).where(*mine, Run.id.in_(run_ids)))


async def _remove(
    work: Work,
    scope: OrgScope,
    table: type[OfRun],
    of: Select[UUID],
    which: ColumnElement[bool] = true(),  # noqa: B008 - never changed
) -> int:
    """Remove at most `MOST` rows of these runs."""
    key = inspect(table).primary_key
    some = select(*key).where(and_(table.org_id == scope.org_id, table.run_id.in_(of), which)).limit(MOST)
    result = await work.session.execute(delete(table).where(tuple_(*key).in_(some)))
    return result.rowcount if isinstance(result, CursorResult) else 0


def _ended(scope: OrgScope, after: datetime | None) -> list[ColumnElement[bool]]:
    mine = [Run.org_id == scope.org_id, Run.project_id == scope.project_id, Run.finished_at.is_not(None)]
    return [*mine, Run.finished_at > after] if after is not None else mine
