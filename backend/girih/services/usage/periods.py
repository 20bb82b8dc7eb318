"""The days and months that budgets are for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from girih.services.usage.repository import BudgetState


def period_of(state: BudgetState) -> tuple[date, date]:
    """The first day of the budget's period, and that of the next one."""
    if state.period == "day":
        return state.today, state.today + timedelta(days=1)
    first = state.today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def moment(day: date) -> datetime:
    """The beginning of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
