"""The one row of the first set-up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import Organization
from girih.db.unit_of_work import Work
from girih.services.identity.tables import Setup


async def has_organizations(work: Work) -> bool:
    """Whether there is any organization, in a transaction that may see them all."""
    return bool(await work.session.scalar(select(exists().select_from(Organization))))


async def made(work: Work, id: UUID, hash: bytes, expires_at: datetime) -> Setup:
    """The row, with these values where there was none; held to the end of the transaction."""
    statement = insert(Setup).values(sole=True, id=id, hash=hash, expires_at=expires_at).on_conflict_do_nothing()
    await work.session.execute(statement)
    return (await work.session.scalars(select(Setup).with_for_update())).one()


async def held(work: Work) -> Setup | None:
    """The row, held to the end of the transaction; `None` where no token was ever made."""
    return (await work.session.scalars(select(Setup).with_for_update())).one_or_none()


async def replace(work: Work, id: UUID, hash: bytes, expires_at: datetime) -> None:
    """Put another token in place of one that was not used."""
    unused = update(Setup).where(Setup.used_at.is_(None))
    await work.session.execute(unused.values(id=id, hash=hash, expires_at=expires_at))


async def use(work: Work) -> None:
    """Note that the installation is set up, for ever."""
    await work.session.execute(update(Setup).values(used_at=func.now()))
