"""The rows of usage and budgets: added up by what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, func, inspect, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.usage.tables import SpendingBudget, SpendingHold, UsageCount

COLUMNS: Mapping[str, Any] = {
    "day": UsageCount.day,
    "key": UsageCount.actor,
    "agent": UsageCount.agent,
    "node": UsageCount.node,
    "model": UsageCount.model,
    "provider": UsageCount.provider,
}


@dataclass(frozen=True)
class BudgetState:
    """A budget, and what its period has seen so far as far as it is recorded."""

    id: UUID
    target: Literal["organization", "project", "key"]
    subject: UUID
    period: Literal["day", "month"]
    cost_usd: float | None
    tokens: int | None
    created_by: str
    created_at: datetime
    spent_usd: float
    spent_tokens: int
    today: date
    """The day (UTC) at the database."""
    alerts: tuple[int, ...] = ()
    """The percentages at which an event is published, once in each period."""


async def used(
    work: Work,
    scope: OrgScope,
    group: Sequence[str],
    *,
    first: date,
    last: date,
    whole_org: bool,
    after: tuple[Any, ...] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Usage of the days `first` to `last` in groups, in their order, from behind the group `after`."""
    columns = [COLUMNS[name].label(name) for name in group]
    row = UsageCount
    where: list[ColumnElement[bool]] = [row.org_id == scope.org_id, row.day >= first, row.day <= last]
    if not whole_org:
        where.append(row.project_id == scope.project_id)
    if after is not None:
        where.append(tuple_(*(COLUMNS[name] for name in group)) > tuple_(*map(literal, after)))
    sums = [
        func.sum(getattr(row, name)).label(name)
        for name in ("calls", "errors", "input_tokens", "output_tokens", "cost_usd")
    ]
    query = select(*columns, *sums).where(*where)
    if columns:
        query = query.group_by(*columns).order_by(*columns).limit(limit)
    return [dict(found._mapping) for found in await work.session.execute(query)]


async def add(work: Work, row: dict[str, Any]) -> None:
    """Add one call to the count of today, as the database itself counts those of runs."""
    counts = ("calls", "errors", "input_tokens", "output_tokens", "cost_usd")
    today = func.date(func.timezone("UTC", func.now()))
    statement = insert(UsageCount).values(**row, day=today, shard=func.mod(func.pg_backend_pid(), 16))
    sums = {name: getattr(UsageCount, name) + getattr(statement.excluded, name) for name in counts}
    keys = [column.name for column in inspect(UsageCount).primary_key]
    await work.session.execute(statement.on_conflict_do_update(index_elements=keys, set_=sums))


async def put(work: Work, scope: OrgScope, values: dict[str, Any]) -> UUID:
    """Set the budget of a target and period, in the place of the one before."""
    limits = {"cost_usd": _decimal(values["cost_usd"]), "tokens": values["tokens"], "alerts": values["alerts"]}
    row = {**limits, "created_by": scope.actor}
    statement = insert(SpendingBudget).values(id=new_id(), org_id=scope.org_id, **(values | row))
    kept = statement.on_conflict_do_update(
        index_elements=["org_id", "target", "subject", "period"], set_=row
    ).returning(SpendingBudget.id)
    return (await work.session.scalars(kept)).one()


async def budget(work: Work, scope: OrgScope, id: UUID) -> SpendingBudget | None:
    """The budget of that id, if it bounds the scope's project, one of its keys or its organization."""
    found: SpendingBudget | None = await work.session.scalar(
        select(SpendingBudget).where(SpendingBudget.org_id == scope.org_id, SpendingBudget.id == id, _near(scope))
    )
    return found


async def remove(work: Work, scope: OrgScope, id: UUID) -> None:
    """Delete a budget."""
    gone = delete(SpendingBudget).where(SpendingBudget.org_id == scope.org_id, SpendingBudget.id == id)
    await work.session.execute(gone)


async def states(work: Work, scope: OrgScope, *, key: UUID | None = None, every: bool = False) -> list[BudgetState]:
    """The budgets that bound the scope's organization, its project and one key of it, or `every` key."""
    row, count = SpendingBudget, UsageCount
    today = func.date(func.timezone("UTC", func.now()))
    fits = or_(
        row.target == "organization",
        and_(row.target == "project", count.project_id == row.subject),
        and_(row.target == "key", count.actor == func.concat("key:", row.subject)),
    )
    begun = case((row.period == "day", today), else_=func.date(func.date_trunc("month", today)))
    counts = and_(count.org_id == row.org_id, count.day >= begun, fits)
    keys = row.target == "key" if every else and_(row.target == "key", row.subject == key)
    query = (
        select(
            row,
            func.coalesce(func.sum(count.cost_usd), 0),
            func.coalesce(func.sum(count.input_tokens + count.output_tokens), 0),
            today,
        )
        .outerjoin(count, counts)
        .where(row.org_id == scope.org_id, _near(scope), or_(row.target != "key", keys))
        .group_by(row.id)
        .order_by(row.id)
    )
    return [_state(*found) for found in await work.session.execute(query)]


async def hold(
    work: Work, scope: OrgScope, id: UUID, tokens: int, cost_usd: float | None, lasts: timedelta
) -> Literal["held", "wait", "over"]:
    """Hold what a call may use against all budgets that bound it, if it fits beside what is held already."""
    cost = None if cost_usd is None else _decimal(cost_usd)
    place = scope.org_id, scope.project_id, scope.actor
    answer: Any = await work.session.scalar(select(func.hold_spending(*place, id, tokens, cost, lasts)))
    held: Literal["held", "wait", "over"] = answer
    return held


async def release(work: Work, scope: OrgScope, id: UUID) -> None:
    """Let go of what was held."""
    gone = delete(SpendingHold).where(SpendingHold.org_id == scope.org_id, SpendingHold.id == id)
    await work.session.execute(gone)


def _near(scope: OrgScope) -> ColumnElement[bool]:
    return or_(SpendingBudget.project_id.is_(None), SpendingBudget.project_id == scope.project_id)


def _state(row: Any, cost: Decimal, tokens: Decimal, today: date) -> BudgetState:
    limit = None if row.cost_usd is None else float(row.cost_usd)
    return BudgetState(
        id=row.id,
        target=row.target,
        subject=row.subject,
        period=row.period,
        cost_usd=limit,
        tokens=row.tokens,
        created_by=row.created_by,
        created_at=row.created_at,
        spent_usd=float(cost),
        spent_tokens=int(tokens),
        today=today,
        alerts=tuple(row.alerts),
    )


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
