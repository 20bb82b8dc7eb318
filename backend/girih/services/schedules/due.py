"""Which moments of a schedule have come, and which one is next."""

from __future__ import annotations

from datetime import datetime, timedelta

from girih.services.schedules.cron import moments, next_moment
from girih.services.schedules.repository import Due
from girih.services.schedules.schemas import ScheduleIn
from girih.services.schedules.tables import Schedule

AT_ONCE = 100
"""So many schedules are looked at in one go, and so many missed moments of one are made up for."""
LATE = timedelta(seconds=60)
"""A moment that nobody has fired for so long was missed."""


def next_of(schedule: Schedule | ScheduleIn, after: datetime) -> datetime | None:
    """The first moment after `after`, unless the schedule has ended then."""
    found = next_moment(schedule.cron, schedule.timezone, after)
    return found if schedule.end_at is None or found <= schedule.end_at else None


def come_of(row: Schedule, seen: Due) -> tuple[list[datetime], datetime | None]:
    """The moments to fire now, and the next one to wait for."""
    come, next_at = _all_come(row, seen)
    end = row.end_at
    if end is None:
        return come, next_at
    return [moment for moment in come if moment <= end], next_at if next_at <= end else None


def _all_come(row: Schedule, seen: Due) -> tuple[list[datetime], datetime]:
    come, last = [seen.next_at], seen.next_at
    while len(come) < AT_ONCE and (following := next_moment(row.cron, row.timezone, last)) <= seen.now:
        come.append(following)
        last = following
    next_at = next_moment(row.cron, row.timezone, seen.now if row.catch_up != "all" else last)
    if row.catch_up == "last":
        before = _before(row, seen, last)
        return [before], next_at
    if row.catch_up == "none":
        return [moment for moment in come if moment >= seen.now - LATE], next_at
    return come, next_at


def _before(row: Schedule, seen: Due, last: datetime) -> datetime:
    """The last moment that has come, also where more were missed than are looked through one by one."""
    while (following := moments(row.cron, row.timezone, last, 1000))[0] <= seen.now:
        last = max(moment for moment in following if moment <= seen.now)
    return last
