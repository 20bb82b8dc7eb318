"""The rows of data keys: which one encrypts, what a version was, and which master keys wrap them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from girih.db.unit_of_work import Work
from girih.services.secrets.tables import DataKeyRow


async def current(work: Work, org_id: UUID, *, lock: bool = False) -> DataKeyRow | None:
    """The key that encrypts; with `lock` nobody retires it, or begins to encrypt with it, before the end."""
    row = DataKeyRow
    query = select(row).where(row.org_id == org_id, row.retired_at.is_(None)).order_by(row.version.desc()).limit(1)
    found: DataKeyRow | None = await work.session.scalar(query.with_for_update() if lock else query)
    return found


async def hold(work: Work, org_id: UUID, version: int) -> bool:
    """Whether the key of that version still encrypts; if so, it is not retired before the end of the transaction."""
    row = DataKeyRow
    query = select(row.version).where(row.org_id == org_id, row.version == version, row.retired_at.is_(None))
    return await work.session.scalar(query.with_for_update(read=True)) is not None


async def of_version(work: Work, org_id: UUID, version: int) -> DataKeyRow | None:
    """The key of that version."""
    return await work.session.get(DataKeyRow, (org_id, version))


async def all_of(work: Work, org_id: UUID) -> Sequence[DataKeyRow]:
    """Every key of the organization, the oldest first."""
    row = DataKeyRow
    return (await work.session.scalars(select(row).where(row.org_id == org_id).order_by(row.version))).all()


async def add(work: Work, org_id: UUID, version: int, wrapped: bytes, master: str) -> None:
    """Another key, unless somebody was quicker."""
    values = {"org_id": org_id, "version": version, "wrapped": wrapped, "master": master}
    await work.session.execute(insert(DataKeyRow).values(values).on_conflict_do_nothing())


async def retire(work: Work, org_id: UUID, version: int) -> None:
    """Let a key encrypt nothing more. Waits for those who are about to."""
    row = DataKeyRow
    statement = update(row).where(row.org_id == org_id, row.version == version, row.retired_at.is_(None))
    await work.session.execute(statement.values(retired_at=func.now()))


async def rewrap(work: Work, org_id: UUID, version: int, before: bytes, wrapped: bytes, master: str) -> bool:
    """Keep a key under another master key; False where it was changed in the meantime."""
    row = DataKeyRow
    statement = (
        update(row)
        .where(row.org_id == org_id, row.version == version, row.wrapped == before)
        .values(wrapped=wrapped, master=master)
        .returning(row.version)
    )
    return (await work.session.scalar(statement)) is not None


async def retired(work: Work, org_id: UUID, *, since: timedelta) -> Sequence[int]:
    """The versions that were retired so long ago."""
    row = DataKeyRow
    query = select(row.version).where(row.org_id == org_id, row.retired_at < func.now() - since)
    return (await work.session.scalars(query)).all()


async def drop(work: Work, org_id: UUID, version: int) -> None:
    """Delete a key: what it has encrypted is lost."""
    await work.session.execute(delete(DataKeyRow).where(DataKeyRow.org_id == org_id, DataKeyRow.version == version))


async def organizations(work: Work) -> Sequence[UUID]:
    """The organizations that have a key; for a transaction that reads for `keys`."""
    return (await work.session.scalars(select(DataKeyRow.org_id).distinct())).all()


async def masters(work: Work) -> Sequence[tuple[DataKeyRow, int]]:
    """One key that each master key wraps, and how many there are; for a transaction that reads for `keys`."""
    row = DataKeyRow
    first = select(row).ext(distinct_on(row.master)).order_by(row.master, row.org_id, row.version)
    counts = dict((await work.session.execute(select(row.master, func.count()).group_by(row.master))).all())
    return [(one, counts[one.master]) for one in (await work.session.scalars(first)).all()]
