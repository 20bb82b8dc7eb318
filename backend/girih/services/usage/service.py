"""Usage: what model calls cost, by whatever it is asked for; and the budgets that bound it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import BadCursor, InvalidInput, NotFound
from girih.services.audit.service import record
from girih.services.identity import repository as keys
from girih.services.usage import repository
from girih.services.usage.allowances import Allowances
from girih.services.usage.periods import moment, period_of
from girih.services.usage.repository import BudgetState
from girih.services.usage.schemas import BudgetIn, BudgetOut, Of, UsagePage, UsageRow

MOST_ROWS = 1000
LONGEST = timedelta(days=3660)


class UsageService:
    """Shows usage and keeps budgets. `allowances` is what runs ask before they spend."""

    def __init__(self, uow: UnitOfWork, allowances: Allowances | None = None) -> None:
        self._uow = uow
        self.allowances = allowances or Allowances(uow)

    async def usage(
        self,
        scope: OrgScope,
        *,
        first: date | None = None,
        last: date | None = None,
        group_by: Sequence[str] = (),
        of: Of = "project",
        cursor: str | None = None,
        limit: int = 100,
    ) -> UsagePage:
        """Usage from `first` to `last` (UTC days, both included; without them the last 30), in groups.

        `group_by` are names of `COLUMNS`, at most three; without any there is one row. Raises `InvalidInput` and
        `BadCursor`.
        """
        last = last or datetime.now(UTC).date()
        first = first or last - timedelta(days=29)
        group = list(dict.fromkeys(group_by))
        _require(first, last, group, limit)
        after = _read_cursor(cursor, group)
        async with self._uow(scope) as work:
            rows = await repository.used(
                work, scope, group, first=first, last=last, whole_org=of == "organization", after=after, limit=limit + 1
            )
        shown = [_row(row) for row in rows[:limit]]
        more = _cursor([rows[limit - 1][name] for name in group]) if len(rows) > limit else None
        return UsagePage(from_=first, to=last, items=shown, next=more)

    async def budgets(self, scope: OrgScope) -> list[BudgetOut]:
        """The budgets of the project, its keys and its organization, each with what is spent of it."""
        async with self._uow(scope.whole()) as work:
            return [_out(state) for state in await repository.states(work, scope, every=True)]

    async def set_budget(self, scope: OrgScope, body: BudgetIn) -> BudgetOut:
        """Set what may be spent, in the place of an earlier budget of the same target and period.

        Other processes see it within a second. Raises `NotFound` for a key of another project.
        """
        subject = body.key_id or (scope.org_id if body.target == "organization" else scope.project_id)
        project = None if body.target == "organization" else scope.project_id
        async with self._uow(scope) as work:
            if body.key_id is not None:
                await _require_bounded(work, scope, body.key_id)
            values = {"project_id": project, "target": body.target, "subject": subject, "period": body.period}
            limits = {"cost_usd": body.cost_usd, "tokens": body.tokens, "alerts": sorted(set(body.alerts))}
            made = await repository.put(work, scope, values | limits)
            states = await repository.states(work, scope, every=True)
            whole = body.target == "organization"
            told = body.model_dump(mode="json", exclude_none=True)
            await record(work, "budget.set", f"budget:{made}", org_wide=whole, budget=told)
        self.allowances.forget(scope)
        return next(_out(state) for state in states if state.id == made)

    async def budget_target(self, scope: OrgScope, id: UUID) -> str:
        """Whom a budget bounds. Raises `NotFound`."""
        async with self._uow(scope) as work:
            row = await repository.budget(work, scope, id)
            if row is None:
                raise NotFound(f"no budget `{id}`", help="list the budgets to find its id")
            return row.target

    async def delete_budget(self, scope: OrgScope, id: UUID) -> None:
        """End a budget. Raises `NotFound`."""
        await self.budget_target(scope, id)
        async with self._uow(scope) as work:
            await repository.remove(work, scope, id)
            await record(work, "budget.deleted", f"budget:{id}")
        self.allowances.forget(scope)


def _require(first: date, last: date, group: list[str], limit: int) -> None:
    if first > last or last - first > LONGEST:
        raise InvalidInput(
            f"usage is asked for from {first} to {last}", help="let `from` be before `to`, by ten years at most"
        )
    unknown = [name for name in group if name not in repository.COLUMNS]
    if unknown or len(group) > 3:
        raise InvalidInput(
            f"usage cannot be grouped by '{unknown[0]}'" if unknown else "usage is grouped by three things at most",
            help=f"choose among {', '.join(repository.COLUMNS)}",
        )
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidInput(f"a page holds 1 to {MOST_ROWS} rows, not {limit}")


def _row(row: dict[str, Any]) -> UsageRow:
    sums = {name: int(row[name] or 0) for name in ("calls", "errors", "input_tokens", "output_tokens")}
    named = {name: row[name] for name in repository.COLUMNS if name in row}
    if "key" in named:
        named["key"] = str(named["key"]).removeprefix("key:")
    return UsageRow(**named, **sums, cost_usd=float(row["cost_usd"] or 0))


def _cursor(group: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(group, default=str).encode()).decode()


def _read_cursor(cursor: str | None, group: list[str]) -> tuple[Any, ...] | None:
    if cursor is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if not isinstance(values, list) or len(values) != len(group) or not group:
            raise ValueError("another question's cursor")
        if not all(isinstance(value, str) and "\0" not in value and value.isprintable() for value in values):
            raise ValueError("no names")
        pairs = zip(group, values, strict=True)
        return tuple(date.fromisoformat(value) if name == "day" else value for name, value in pairs)
    except (ValueError, UnicodeError, binascii.Error, RecursionError) as fault:
        raise BadCursor("this is no cursor of this list", help="send the `next` of the page before") from fault


async def _require_bounded(work: Work, scope: OrgScope, key_id: UUID) -> None:
    """Raise `NotFound` for a key of another project, `InvalidInput` for one whose calls count for somebody else."""
    if not await keys.has_key(work, scope, key_id):
        raise NotFound(f"no key `{key_id}`", help="list the keys to find its id")
    if await keys.is_of_service_account(work, key_id):
        raise InvalidInput(
            "this key is a service account's, for which its calls count", help="set a budget of the project"
        )


def _out(state: BudgetState) -> BudgetOut:
    return BudgetOut(
        id=state.id,
        target=state.target,
        subject=state.subject,
        period=state.period,
        cost_usd=state.cost_usd,
        tokens=state.tokens,
        alerts=list(state.alerts),
        spent_usd=state.spent_usd,
        spent_tokens=state.spent_tokens,
        frees_at=moment(period_of(state)[1]),
        created_by=state.created_by,
        created_at=state.created_at,
    )
