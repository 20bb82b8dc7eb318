"""The rows of ended runs, as guards of aliases measure versions by them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Float, Select, cast, func, select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.agents.alias_schemas import MOST_RUNS, Figures
from girih.services.runs.tables import Run

JUDGED = ("succeeded", "failed")
"""How runs end that say something of their version; who cancels one, or lets it expire, says nothing."""


async def figures(
    work: Work, scope: OrgScope, version_id: UUID, since: datetime, until: datetime | None = None
) -> Figures:
    """The version's runs that ended in that time; where these are too many, the newest."""
    query = _ended(scope, version_id, since, until).order_by(Run.finished_at.desc()).limit(MOST_RUNS).subquery()
    seconds = cast(func.extract("epoch", query.c.finished_at - query.c.started_at), Float)
    has_time = (query.c.status == "succeeded") & (query.c.interruptions == 0) & query.c.started_at.is_not(None)
    p95 = func.percentile_disc(0.95).within_group(seconds).filter(has_time)
    found = select(func.count(), func.count().filter(query.c.status == "failed"), p95).select_from(query)
    runs, failed, longest = (await work.session.execute(found)).one()
    return Figures(runs=runs, failed=failed, p95_seconds=longest)


async def count(work: Work, scope: OrgScope, version_id: UUID, since: datetime, most: int) -> int:
    """How many of the version's runs ended since then; counting ends at `most`."""
    query = _ended(scope, version_id, since, None).limit(most).subquery()
    return await work.session.scalar(select(func.count()).select_from(query)) or 0


def _ended(
    scope: OrgScope, version_id: UUID, since: datetime, until: datetime | None
) -> Select[str, int, datetime | None, datetime | None]:
    query = (
        select(Run.status, Run.interruptions, Run.started_at, Run.finished_at)
        .where(Run.org_id == scope.org_id, Run.version_id == version_id, Run.finished_at >= since)
        .where(Run.status.in_(JUDGED))
    )
    return query if until is None else query.where(Run.finished_at < until)
