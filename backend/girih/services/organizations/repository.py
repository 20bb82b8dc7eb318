"""The rows of organizations as wholes, and offers of their ownership."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from girih.db.base import Organization
from girih.db.unit_of_work import Work
from girih.services.organizations.tables import OwnershipTransfer

_HALTED = text("SELECT halted_organizations()")


async def organization(work: Work, *, held: bool = False) -> Organization | None:
    """The transaction's organization, `held` to its end."""
    query = select(Organization).where(Organization.id == work.speaks_for.org_id)
    return await work.session.scalar(query.with_for_update(key_share=True) if held else query)


async def is_name_taken(work: Work, name: str) -> bool:
    """Whether an organization of that name exists, in a transaction that may see it."""
    return await work.session.scalar(select(Organization.id).where(Organization.name == name)) is not None


async def halted(work: Work) -> frozenset[UUID]:
    """The organizations in which nothing may happen, as far as the transaction may know of them."""
    found: Sequence[UUID] | None = await work.session.scalar(_HALTED)
    return frozenset(found or ())


async def set_state(work: Work, **values: Any) -> None:
    """Write when the organization was suspended, or is deleted."""
    mine = Organization.id == work.speaks_for.org_id
    await work.session.execute(update(Organization).where(mine).values(**values))


async def rename(work: Work, name: str) -> bool:
    """Call it otherwise; `False` if another one is called so."""
    try:
        async with work.session.begin_nested():
            await set_state(work, name=name)
    except IntegrityError:
        return False
    return True


async def now(work: Work) -> datetime:
    """The database's clock."""
    moment: datetime = (await work.session.execute(select(func.now()))).scalar_one()
    return moment


async def due(work: Work, settled: timedelta, limit: int) -> list[UUID]:
    """Organizations whose time is over for so long and of which something is left."""
    gone = Organization.deletes_at <= func.now() - settled, Organization.deleted_at.is_(None)
    return list(await work.session.scalars(select(Organization.id).where(*gone).order_by(Organization.id).limit(limit)))


async def transfer(work: Work, id: UUID | None = None) -> OwnershipTransfer | None:
    """The offer of that id, or the organization's only one, if the transaction may see it and it still holds."""
    query = select(OwnershipTransfer).where(OwnershipTransfer.expires_at > func.now())
    if id is not None:
        query = query.where(OwnershipTransfer.id == id)
    return (await work.session.scalars(query.limit(1))).one_or_none()


async def offers(work: Work, account_id: UUID) -> list[tuple[OwnershipTransfer, str]]:
    """What is offered to a person, with the names of the organizations."""
    query = (
        select(OwnershipTransfer, Organization.name)
        .join(Organization, Organization.id == OwnershipTransfer.org_id)
        .where(OwnershipTransfer.to_id == account_id, OwnershipTransfer.expires_at > func.now())
        .order_by(Organization.name)
    )
    return [(row[0], row[1]) for row in await work.session.execute(query)]


async def put_transfer(work: Work, row: OwnershipTransfer) -> None:
    """Make an offer in place of the organization's former one."""
    await drop_transfer(work)
    work.session.add(row)
    await work.session.flush()


async def drop_transfer(work: Work) -> bool:
    """Take the organization's offer back; whether there was one."""
    gone = delete(OwnershipTransfer).where(OwnershipTransfer.org_id == work.speaks_for.org_id)
    return await work.session.scalar(gone.returning(OwnershipTransfer.id)) is not None
