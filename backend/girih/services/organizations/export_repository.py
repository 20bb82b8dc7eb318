"""The rows of exports, and the rows that go into them, read one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, text, update

from girih.db.unit_of_work import Work
from girih.services.organizations.inventory_repository import Table
from girih.services.organizations.tables import OrganizationExport as Row

AT_ONCE: Final = 500
"""Rows that are read at a time."""


async def add(work: Work, row: Row) -> None:
    """Store the wish for an export."""
    work.session.add(row)
    await work.session.flush()
    await work.session.refresh(row)


async def exports(work: Work) -> Sequence[Row]:
    """Every export of the organization, the newest first."""
    query = select(Row).where(Row.org_id == work.speaks_for.org_id).order_by(Row.id.desc())
    return (await work.session.scalars(query)).all()


async def export(work: Work, id: UUID) -> Row | None:
    """The organization's export of that id."""
    query = select(Row).where(Row.org_id == work.speaks_for.org_id, Row.id == id)
    return (await work.session.scalars(query)).one_or_none()


async def waiting(work: Work, limit: int) -> list[tuple[UUID, UUID]]:
    """Organization and id of exports of all organizations that nobody makes."""
    query = select(Row.org_id, Row.id).where(_is_free()).order_by(Row.created_at).limit(limit)
    return [(row[0], row[1]) for row in await work.session.execute(query)]


async def stale(work: Work, limit: int) -> list[tuple[UUID, UUID]]:
    """Organization and id of exports of all organizations whose time is over."""
    is_over = and_(Row.status == "ready", Row.expires_at < func.now())
    query = select(Row.org_id, Row.id).where(is_over).order_by(Row.expires_at).limit(limit)
    return [(row[0], row[1]) for row in await work.session.execute(query)]


async def take(work: Work, id: UUID, lease: timedelta) -> int | None:
    """Take an export that nobody makes; which attempt this is, `None` where somebody else was faster."""
    mine = Row.org_id == work.speaks_for.org_id, Row.id == id
    taken = (
        update(Row)
        .where(*mine, _is_free())
        .values(status="running", attempts=Row.attempts + 1, taken_until=func.now() + lease)
    )
    attempt: int | None = await work.session.scalar(taken.returning(Row.attempts))
    return attempt


async def keep(work: Work, id: UUID, attempt: int, lease: timedelta) -> bool:
    """Go on making it; whether it is still this process's."""
    mine = Row.org_id == work.speaks_for.org_id, Row.id == id, Row.attempts == attempt, Row.status == "running"
    kept = update(Row).where(*mine).values(taken_until=func.now() + lease)
    return await work.session.scalar(kept.returning(Row.id)) is not None


async def finish(work: Work, id: UUID, attempt: int, *, size: int, sha256: str, kept: timedelta) -> bool:
    """Note that the archive is there for so long; whether it was still this process's to make."""
    mine = Row.org_id == work.speaks_for.org_id, Row.id == id, Row.attempts == attempt, Row.status == "running"
    done = (
        update(Row)
        .where(*mine)
        .values(
            status="ready",
            taken_until=None,
            finished_at=func.now(),
            expires_at=func.now() + kept,
            size=size,
            sha256=sha256,
        )
    )
    return await work.session.scalar(done.returning(Row.id)) is not None


async def end(work: Work, id: UUID, status: str) -> None:
    """Note that an export failed or expired."""
    mine = Row.org_id == work.speaks_for.org_id, Row.id == id
    await work.session.execute(
        update(Row)
        .where(*mine)
        .values(status=status, taken_until=None, finished_at=func.coalesce(Row.finished_at, func.now()))
    )


async def lines(work: Work, table: Table, columns: Sequence[str]) -> AsyncIterator[list[str]]:
    """The organization's rows of a table as JSON texts, some hundred at a time, from a cursor of the database."""
    named = ", ".join(_quoted(column) for column in columns)
    place = f"{_quoted(table.schema)}.{_quoted(table.name)}"
    statement = text(
        f"SELECT row_to_json(whole_row)::text FROM (SELECT {named} FROM {place} WHERE org_id = :org) whole_row"  # noqa: S608 - names from the database's catalog, quoted
    )
    found = await work.session.stream(
        statement, {"org": work.speaks_for.org_id}, execution_options={"yield_per": AT_ONCE}
    )
    async for part in found.scalars().partitions(AT_ONCE):
        yield list(part)


async def now(work: Work) -> datetime:
    """The database's clock."""
    moment: datetime = (await work.session.execute(select(func.now()))).scalar_one()
    return moment


def _is_free() -> ColumnElement[bool]:
    return or_(Row.status == "queued", and_(Row.status == "running", Row.taken_until < func.now()))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
