"""Finding schedules by what they run, in any order, and how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, nulls_last, or_, select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.schedules.tables import Schedule

SortBy = Literal["id", "agent", "thread", "created_at", "updated_at", "next_at", "end_at"]


@dataclass(frozen=True)
class ScheduleSearch:
    """Which schedules, in which order: all that is given has to hold. `agent` is a name, whatever the version."""

    agent: str | None = None
    thread_id: UUID | None = None
    enabled: bool | None = None
    metadata: JsonObject = field(default_factory=dict)
    sort_by: SortBy = "created_at"
    descending: bool = True
    limit: int = 10
    offset: int = 0


def _thread() -> ColumnElement[str]:
    thread: ColumnElement[str] = Schedule.request["thread_id"].as_string()
    return thread


async def page(work: Work, scope: OrgScope, wanted: ScheduleSearch) -> Sequence[Schedule]:
    """The schedules of the project that fit, from `offset` on."""
    columns: Mapping[str, Any] = {
        "id": Schedule.id,
        "agent": Schedule.agent,
        "thread": _thread(),
        "created_at": Schedule.created_at,
        "updated_at": Schedule.updated_at,
        "next_at": Schedule.next_at,
        "end_at": Schedule.end_at,
    }
    order = (columns[wanted.sort_by], Schedule.id)
    ordered = (nulls_last(one.desc() if wanted.descending else one.asc()) for one in order)
    query = select(Schedule).where(*_fits(scope, wanted)).order_by(*ordered)
    return (await work.session.scalars(query.limit(wanted.limit).offset(wanted.offset))).all()


async def count(work: Work, scope: OrgScope, wanted: ScheduleSearch) -> int:
    """How many schedules of the project fit."""
    return await work.session.scalar(select(func.count()).select_from(Schedule).where(*_fits(scope, wanted))) or 0


def _fits(scope: OrgScope, wanted: ScheduleSearch) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Schedule.org_id == scope.org_id, Schedule.project_id == scope.project_id]
    if wanted.agent is not None:
        conditions.append(or_(Schedule.agent == wanted.agent, Schedule.agent.startswith(f"{wanted.agent}@")))
    if wanted.thread_id is not None:
        conditions.append(_thread() == str(wanted.thread_id))
    if wanted.enabled is not None:
        conditions.append(Schedule.enabled == wanted.enabled)
    if wanted.metadata:
        conditions.append(Schedule.schedule_metadata.contains(wanted.metadata))
    return conditions
