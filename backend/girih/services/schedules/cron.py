"""When a schedule is due: cron expressions in a time zone, also where the clock is moved."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from girih.errors import InvalidInput


def zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises `InvalidInput`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise InvalidInput(
            f"there is no time zone '{name[:80]}'", help="write it as in the tz database: Europe/Berlin, UTC"
        ) from fault


def next_moment(cron: str, timezone: str, after: datetime) -> datetime:
    """The first moment after `after`, in UTC.

    A daily time that the clock skips is due right after the gap, one it shows twice is due once. Raises `InvalidInput`
    for an expression that cannot be read or never comes true.
    """
    return next(iter(moments(cron, timezone, after, 1)))


def moments(cron: str, timezone: str, after: datetime, most: int) -> list[datetime]:
    """The next moments after `after`, in UTC; see `next_moment`."""
    if len(cron.split()) != 5:
        raise InvalidInput(
            f"'{cron[:80]}' is not a cron expression",
            help="five fields: minute, hour, day of the month, month, day of the week; `0 9 * * 1-5`",
        )
    try:
        found = [moment.astimezone(UTC) for moment in islice(CronSim(cron, after.astimezone(zone(timezone))), most)]
    except CronSimError as fault:
        raise InvalidInput(
            f"'{cron[:80]}' is not a cron expression: {fault}",
            help="five fields: minute, hour, day of the month, month, day of the week; `0 9 * * 1-5`",
        ) from fault
    if not found:
        raise InvalidInput(f"'{cron}' never comes true", help="check its day and month")
    return found
