"""The rows of audit logs."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select, text

from girih.db.unit_of_work import Work
from girih.services.audit.schemas import AuditSearch
from girih.services.audit.tables import AuditEntry

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('audit:' || :org_id, 0))")


async def last(work: Work) -> tuple[int, str] | None:
    """Number and seal of the organization's last entry; nobody adds one until the transaction ends."""
    org_id = work.speaks_for.org_id
    await work.session.execute(_LOCK, {"org_id": str(org_id)})
    query = select(AuditEntry.number, AuditEntry.seal).where(AuditEntry.org_id == org_id)
    row = (await work.session.execute(query.order_by(AuditEntry.number.desc()).limit(1))).first()
    return (row[0], row[1]) if row else None


async def add(work: Work, row: AuditEntry) -> None:
    """Store an entry, for good."""
    work.session.add(row)
    await work.session.flush()


async def entries(work: Work, wanted: AuditSearch, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """The organization's entries that fit, the newest first, from below the number `before`."""
    query = select(AuditEntry).where(AuditEntry.org_id == work.speaks_for.org_id, *_fitting(wanted))
    if before is not None:
        query = query.where(AuditEntry.number < before)
    return (await work.session.scalars(query.order_by(AuditEntry.number.desc()).limit(limit))).all()


async def following(work: Work, after: int, limit: int) -> Sequence[AuditEntry]:
    """The organization's entries above the number `after`, the oldest first."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.org_id == work.speaks_for.org_id, AuditEntry.number > after)
        .order_by(AuditEntry.number)
        .limit(limit)
    )
    return (await work.session.scalars(query)).all()


def _fitting(wanted: AuditSearch) -> list[ColumnElement[bool]]:
    action = wanted.action
    conditions = {
        "actor": AuditEntry.actor == wanted.actor if wanted.actor is not None else None,
        "target": AuditEntry.target == wanted.target if wanted.target is not None else None,
        "since": AuditEntry.at >= wanted.since if wanted.since is not None else None,
        "until": AuditEntry.at < wanted.until if wanted.until is not None else None,
    }
    found = [condition for condition in conditions.values() if condition is not None]
    if action is not None and action.endswith("."):
        found.append(func.starts_with(AuditEntry.action, action))
    elif action is not None:
        found.append(AuditEntry.action == action)
    return found
