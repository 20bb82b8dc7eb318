"""Finding threads by what they hold: one page of them in any order, and how many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, case, cast, false, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.runs.tables import Run
from girih.services.runs.thread_repository import out, status_of
from girih.services.runs.thread_schemas import ThreadOut
from girih.services.runs.thread_tables import Thread, ThreadState

SortBy = Literal["id", "status", "created_at", "updated_at"]


@dataclass(frozen=True)
class ThreadSearch:
    """Which threads, in which order: all that is given has to hold.

    `metadata` must be part of the thread's, `values` part of what its newest state holds. `named`: key → value and
    agent: metadata that has to be so, or where there is none the agent that ran on the thread last.
    """

    status: str | None = None
    named: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    values: JsonObject = field(default_factory=dict)
    ids: Collection[UUID] | None = None
    sort_by: SortBy = "created_at"
    descending: bool = True
    limit: int = 10
    offset: int = 0


async def page(work: Work, scope: OrgScope, wanted: ThreadSearch) -> list[ThreadOut]:
    """The threads of the project that fit, from `offset` on."""
    status = status_of()
    columns: Mapping[str, Any] = {
        "id": Thread.id,
        "status": status,
        "created_at": Thread.created_at,
        "updated_at": Thread.updated_at,
    }
    order = [columns[wanted.sort_by], Thread.id]
    query = select(Thread, status).where(*_fits(scope, wanted, status))
    ordered = query.order_by(*(one.desc() if wanted.descending else one.asc() for one in order))
    rows = await work.session.execute(ordered.limit(wanted.limit).offset(wanted.offset))
    return [out(row, standing) for row, standing in rows]


async def count(work: Work, scope: OrgScope, wanted: ThreadSearch) -> int:
    """How many threads of the project fit."""
    query = select(func.count()).select_from(Thread).where(*_fits(scope, wanted, status_of()))
    return await work.session.scalar(query) or 0


async def states(work: Work, org_id: UUID, state_ids: Collection[UUID]) -> dict[UUID, ThreadState]:
    """States by the ids of their threads."""
    query = select(ThreadState).where(ThreadState.org_id == org_id, ThreadState.id.in_(state_ids))
    return {row.thread_id: row for row in await work.session.scalars(query)}


async def outputs(work: Work, org_id: UUID, thread_ids: Collection[UUID]) -> dict[UUID, JsonObject]:
    """The outputs of the last run that each of the threads keeps something of."""
    query = (
        select(ThreadState.thread_id, Run.outputs)
        .join(Run, (Run.org_id == ThreadState.org_id) & (Run.id == ThreadState.run_id))
        .where(ThreadState.org_id == org_id, ThreadState.thread_id.in_(thread_ids), Run.outputs.is_not(None))
        .ext(distinct_on(ThreadState.thread_id))
        .order_by(ThreadState.thread_id, ThreadState.id.desc())
    )
    return {row[0]: row[1] for row in await work.session.execute(query) if row[1] is not None}


def _fits(scope: OrgScope, wanted: ThreadSearch, status: ColumnElement[str]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Thread.org_id == scope.org_id, Thread.project_id == scope.project_id]
    if wanted.ids is not None:
        conditions.append(Thread.id.in_(wanted.ids))
    if wanted.metadata:
        conditions.append(Thread.thread_metadata.contains(wanted.metadata))
    for key, (value, agent) in wanted.named.items():
        held = Thread.thread_metadata[key].astext
        of_agent = and_(held.is_(None), Thread.agent == agent) if agent is not None else false()
        conditions.append(or_(held == value, of_agent))
    if wanted.values:
        conditions.append(_holds(wanted.values))
    if wanted.status is not None:
        conditions.append(status == wanted.status)
    return conditions


def _holds(values: JsonObject) -> ColumnElement[bool]:
    text = cast(ThreadState.state, Text)
    # A state may hold text that `jsonb` refuses; such a one is passed over.
    held = case((func.pg_input_is_valid(text, "jsonb"), cast(text, JSONB).contains(values)), else_=False)
    query = select(held).where(ThreadState.org_id == Thread.org_id, ThreadState.thread_id == Thread.id)
    return func.coalesce(query.where(ThreadState.id == Thread.state_id).scalar_subquery(), False)
