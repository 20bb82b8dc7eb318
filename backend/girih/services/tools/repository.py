"""The buckets of tools that have a rate."""

from __future__ import annotations

from sqlalchemy import extract, func, literal
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.tools.tables import ToolRate


async def take(work: Work, scope: OrgScope, name: str, per_minute: int) -> bool:
    """Take one call out of the bucket, in one statement: whoever takes at the same time waits for its row.

    A bucket holds what a minute allows, at most.
    """
    now = func.clock_timestamp()
    passed = extract("epoch", now - ToolRate.refilled_at)
    full = func.least(literal(float(per_minute)), ToolRate.tokens + passed * (per_minute / 60))
    first = {"org_id": scope.org_id, "project_id": scope.project_id, "name": name}
    statement = insert(ToolRate).values(**first, tokens=float(per_minute - 1), refilled_at=now)
    taken = statement.on_conflict_do_update(
        index_elements=["org_id", "project_id", "name"],
        set_={"tokens": full - 1, "refilled_at": now},
        where=full >= 1,
    ).returning(ToolRate.tokens)
    return (await work.session.scalar(taken)) is not None
