"""The rows of runs and their events: who may hold a run, what is due, what was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true, tuple_, update
from sqlalchemy.orm import aliased

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.engine.breakpoints import NO_BREAKPOINTS, Breakpoints
from girih.engine.context import Spent, usage_dict
from girih.engine.events import NewEvent, RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs import tables
from girih.services.runs.options import breakpoints_of
from girih.services.runs.past import Waits, recorded, waits
from girih.services.runs.tables import Run
from girih.services.runs.thread_repository import state_of
from girih.services.runs.usage import used_by_model

MAX_CRASHES = 5
"""A run whose process vanished this often is given up: what kills the process would kill the next one too."""

MOST_ASKED = 1000
"""Runs in one question."""
NO_WAIT = timedelta(0)


@dataclass(frozen=True)
class Claim:
    """A run in the hands of this process: all that is needed to execute it. `last_seq` is the last event recorded."""

    scope: OrgScope
    run_id: UUID
    fence: int
    attempt: int
    agent: str
    version: str
    digest: str
    inputs: JsonObject
    started_at: datetime
    last_seq: int = 0
    spent: Spent = field(default_factory=Spent)
    models: Mapping[str, JsonObject] = field(default_factory=dict)
    """What earlier attempts have used, by model."""
    cancel_requested: bool = False
    background: bool = False
    user: str | None = None
    waits: Waits = field(default_factory=Waits)
    thread_id: UUID | None = None
    state: JsonObject = field(default_factory=dict)
    """What its thread holds."""
    on_stateless: bool = False
    """Its thread is known to have had no state when it began."""
    continues: bool = False
    """Whether it begins with a checkpoint of another run."""
    chat: JsonObject | None = None
    """Messages and what the app gave, as `stored_chat` keeps them."""
    traceparent: str | None = None
    """The W3C trace context of the request that asked for the run."""
    breakpoints: Breakpoints = NO_BREAKPOINTS
    max_steps: int | None = None
    has_webhook: bool = False
    models_stamp: str | None = None
    """Changes with any of the project's models; known only of a run that was accepted here."""


@dataclass(frozen=True)
class Due:
    """A run that nobody works on: who it belongs to and the fence it was last seen with."""

    scope: OrgScope
    run_id: UUID
    fence: int


async def run(work: Work, scope: OrgScope, run_id: UUID, *, lock: bool = False) -> Run | None:
    """The project's run with that id."""
    query = select(Run).where(*_of(scope), Run.id == run_id)
    found: Run | None = await work.session.scalar(query.with_for_update() if lock else query)
    return found


async def run_with_key(work: Work, scope: OrgScope, key: str) -> Run | None:
    """The project's run that was made with that idempotency key."""
    found: Run | None = await work.session.scalar(select(Run).where(*_of(scope), Run.idempotency_key == key))
    return found


async def end_unheld(work: Work, row: Run, event: NewEvent, *, status: str, error: JsonObject | None = None) -> None:
    """End a locked run that nobody works on: the row and its last event at once. Whoever held it is fenced out.

    The event is given the tokens that the run has spent, where it shows any.
    """
    last, spent = await recorded(work, row.org_id, row.id)
    usage, models = usage_dict(spent.usage), await used_by_model(work, row.org_id, row.id)
    row.status, row.error, row.usage, row.finished_at = status, error, usage | {"models": models}, event.at
    row.lease_until, row.worker, row.fence = None, None, row.fence + 1
    work.session.add(
        tables.RunEvent(
            org_id=row.org_id,
            run_id=row.id,
            seq=last + 1,
            attempt=row.attempt,
            at=event.at,
            type=event.type,
            node=None,
            data=event.data | ({"usage": usage} if "usage" in event.data else {}),
        )
    )
    await work.session.flush()


async def claim(work: Work, due: Due, *, worker: str, lease: timedelta) -> Claim | None:
    """Take the run over if it is still due as it was seen; `None` when somebody else was faster or gave it life."""
    statement = (
        update(Run)
        .where(Run.id == due.run_id, Run.fence == due.fence, _is_due(), Run.crashes + _vanished() < MAX_CRASHES)
        .values(
            status="running",
            fence=Run.fence + 1,
            attempt=Run.attempt + 1,
            crashes=Run.crashes + _vanished(),
            worker=worker,
            lease_until=func.now() + lease,
            started_at=func.coalesce(Run.started_at, func.now()),
        )
        .returning(Run, Run.chat)
    )
    found = (await work.session.execute(statement)).one_or_none()
    return await _claim_of(work, *found) if found is not None else None


async def _claim_of(work: Work, row: Run, chat: JsonObject | None) -> Claim:
    """All that is needed to execute a run that was just taken."""
    last, spent = await recorded(work, row.org_id, row.id)
    assert row.started_at is not None  # noqa: S101 - set just above
    return Claim(
        scope=OrgScope(row.org_id, row.project_id, actor=row.actor),
        run_id=row.id,
        fence=row.fence,
        attempt=row.attempt,
        agent=row.agent,
        version=row.version,
        digest=row.digest,
        inputs=row.inputs,
        started_at=row.started_at,
        last_seq=last,
        spent=spent,
        models=await used_by_model(work, row.org_id, row.id) if row.attempt > 1 else {},
        cancel_requested=row.cancel_requested,
        background=row.background,
        user=row.end_user,
        traceparent=row.traceparent,
        waits=await waits(work, row) if row.interruptions else Waits(),
        thread_id=row.thread_id,
        state=await state_of(work, row.org_id, row.thread_id) if row.thread_id is not None else {},
        continues=row.source_run_id is not None,
        breakpoints=breakpoints_of(row.breakpoints),
        max_steps=row.max_steps,
        has_webhook=row.webhook is not None,
        chat=chat,
    )


async def hopeless(work: Work, due: Due) -> Run | None:
    """The run, locked, if it is due but has taken too many processes with it already."""
    query = select(Run).where(
        Run.id == due.run_id, Run.fence == due.fence, _is_due(), Run.crashes + _vanished() >= MAX_CRASHES
    )
    found: Run | None = await work.session.scalar(query.with_for_update())
    return found


async def renew(work: Work, held: Sequence[tuple[UUID, int]], *, lease: timedelta) -> dict[UUID, bool]:
    """Prolong the leases of one organization's runs (id, fence); answers for those still held: is it asked to stop?"""
    statement = (
        update(Run)
        .where(tuple_(Run.id, Run.fence).in_(held), Run.status == "running")
        .values(lease_until=func.now() + lease)
        .returning(Run.id, Run.cancel_requested)
    )
    return {row.id: row.cancel_requested for row in await work.session.execute(statement)}


async def release(work: Work, run_id: UUID, fence: int) -> None:
    """Give the run back in good order: the next process takes it at once, and it does not count as a crash."""
    await work.session.execute(
        update(Run)
        .where(Run.id == run_id, Run.fence == fence, Run.status == "running")
        .values(lease_until=func.now(), worker=None)
    )


async def due_runs(work: Work, *, limit: int, background_after: timedelta = NO_WAIT) -> list[Due]:
    """Runs of all organizations that nobody works on, each organization's oldest first and in turns.

    Runs for workers are among them only when they have waited for `background_after`.
    """
    turn = func.row_number().over(partition_by=Run.org_id, order_by=Run.id)
    query = (
        select(Run.id, Run.org_id, Run.project_id, Run.fence)
        .where(Run.status.in_(["queued", "running"]), _is_due(), _for_whom(background_after))
        .order_by(turn, Run.id)
        .limit(limit)
    )
    rows = await work.session.execute(query)
    return [Due(OrgScope(row.org_id, row.project_id), row.id, row.fence) for row in rows]


async def due_run(work: Work, run_id: UUID) -> Due | None:
    """The run, of whatever organization, if nobody works on it."""
    query = select(Run.org_id, Run.project_id, Run.fence).where(Run.id == run_id, _is_due())
    row = (await work.session.execute(query)).one_or_none()
    return Due(OrgScope(row.org_id, row.project_id), run_id, row.fence) if row else None


async def asked_to_stop(work: Work, worker: str) -> list[UUID]:
    """The runs held by `worker` that somebody asked to stop, of all organizations."""
    query = select(Run.id).where(Run.status == "running", Run.worker == worker, Run.cancel_requested)
    return list((await work.session.scalars(query)).all())


async def last_seq(work: Work, org_id: UUID, run_id: UUID) -> int:
    """The number of the run's last event, 0 before the first."""
    return int(await work.session.scalar(select(func.max(tables.RunEvent.seq)).where(_events_of(org_id, run_id))) or 0)


async def last_seqs(work: Work, org_id: UUID, run_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The number of each run's last event, of runs of one organization; 0 before the first."""
    found: dict[UUID, int] = {}
    newest = select(func.max(tables.RunEvent.seq)).where(
        tables.RunEvent.org_id == Run.org_id, tables.RunEvent.run_id == Run.id
    )
    for first in range(0, len(run_ids), MOST_ASKED):
        query = select(Run.id, func.coalesce(newest.scalar_subquery(), 0)).where(
            Run.org_id == org_id, Run.id.in_(run_ids[first : first + MOST_ASKED])
        )
        found |= {row[0]: int(row[1]) for row in await work.session.execute(query)}
    return found


async def events(work: Work, org_id: UUID, run_id: UUID, *, after: int, limit: int) -> list[RunEvent]:
    """The run's recorded events after number `after`, in order, at most `limit`."""
    row = tables.RunEvent
    query = select(row.seq, row.attempt, row.at, row.type, row.node, row.data).order_by(row.seq).limit(limit)
    rows = await work.session.execute(query.where(_events_of(org_id, run_id), row.seq > after))
    return [
        RunEvent(str(run_id), r.seq, r.attempt, NewEvent(type=r.type, data=r.data, at=r.at, node=r.node)) for r in rows
    ]


def _of(scope: OrgScope) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Run.org_id == scope.org_id, Run.project_id == scope.project_id


def _events_of(org_id: UUID, run_id: UUID) -> ColumnElement[bool]:
    return and_(tables.RunEvent.org_id == org_id, tables.RunEvent.run_id == run_id)


def _for_whom(background_after: timedelta) -> ColumnElement[bool]:
    if not background_after:
        return true()
    since = func.greatest(Run.created_at, Run.lease_until)
    return or_(Run.background.is_(False), since <= func.now() - background_after)


def _is_due() -> ColumnElement[bool]:
    is_wanted = or_(Run.expires_at.is_(None), Run.expires_at > func.now())
    return or_(
        and_(Run.status == "queued", is_wanted, _may_begin(), _is_its_turn()),
        and_(Run.status == "running", Run.lease_until <= func.now()),
    )


def _may_begin() -> ColumnElement[bool]:
    return or_(Run.not_before.is_(None), Run.not_before <= func.now())


def _is_its_turn() -> ColumnElement[bool]:
    """Whether every run before it on its thread, if it has one, has ended."""
    before = aliased(Run)
    is_open = exists().where(
        before.org_id == Run.org_id,
        before.thread_id == Run.thread_id,
        before.finished_at.is_(None),
        before.thread_seq < Run.thread_seq,
    )
    return or_(Run.thread_id.is_(None), ~is_open)


def _vanished() -> ColumnElement[int]:
    """1 when the last holder went without giving the run back."""
    return func.num_nonnulls(Run.worker)
