"""The rows that somebody is written about: what is due, who takes it, what became of it; and letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import delete, func, select, update

from girih.db.unit_of_work import Work
from girih.services.mail.tables import Letter, Mailed

M = TypeVar("M", bound=Mailed)


async def due(work: Work, table: type[M], *, limit: int) -> Sequence[M]:
    """Rows whose time has come, the oldest first, in a transaction that may see all."""
    query = select(table).where(table.mail_state == "pending", table.mail_at <= func.now())
    return (await work.session.scalars(query.order_by(table.mail_at).limit(limit))).all()


async def take(work: Work, table: type[M], id: UUID, *, lease: timedelta) -> M | None:
    """Begin a try, unless another process was faster; nobody else begins one before the lease is over."""
    statement = (
        update(table)
        .where(table.id == id, table.mail_state == "pending", table.mail_at <= func.now())
        .values(mail_tries=table.mail_tries + 1, mail_at=func.now() + lease)
        .returning(table)
    )
    taken: M | None = (await work.session.scalars(statement)).one_or_none()
    return taken


async def sent(work: Work, table: type[M], id: UUID, number: int) -> None:
    """The mail server has it."""
    await _settle(work, table, id, number, mail_state="sent", mail_error=None)


async def failed(work: Work, table: type[M], id: UUID, number: int, error: str) -> None:
    """It is not tried again."""
    await _settle(work, table, id, number, mail_state="failed", mail_error=error)


async def put_off(work: Work, table: type[M], id: UUID, number: int, error: str, wait: timedelta) -> None:
    """It is tried again after a while."""
    await _settle(work, table, id, number, mail_at=func.now() + wait, mail_error=error)


async def _settle(work: Work, table: type[M], id: UUID, number: int, **values: object) -> None:
    """Say what became of a try, unless another one has begun since."""
    mine = table.id == id, table.mail_tries == number, table.mail_state == "pending"
    await work.session.execute(update(table).where(*mine).values(**values))


async def add_letter(work: Work, row: Letter) -> None:
    """Store a letter; those of the person that are older than a month go."""
    old = Letter.created_at < func.now() - timedelta(days=30)
    await work.session.execute(delete(Letter).where(Letter.account_id == row.account_id, old))
    work.session.add(row)
    await work.session.flush()


async def letter(work: Work, id: UUID, *, held: bool = False) -> Letter | None:
    """The letter, if the transaction may see it; `held` to its end."""
    query = select(Letter).where(Letter.id == id)
    return (await work.session.scalars(query.with_for_update() if held else query)).one_or_none()


async def letters_since(work: Work, account_id: UUID, kind: str, since: datetime) -> int:
    """How many letters of a kind were written to a person since then."""
    mine = Letter.account_id == account_id, Letter.kind == kind, Letter.created_at > since
    return await work.session.scalar(select(func.count()).select_from(Letter).where(*mine)) or 0


async def end_letters(work: Work, account_id: UUID, kinds: Sequence[str]) -> None:
    """Let the tokens of all letters of these kinds hold no more; what was not sent yet is not sent."""
    mine = Letter.account_id == account_id, Letter.kind.in_(kinds), Letter.used_at.is_(None)
    await work.session.execute(update(Letter).where(*mine).values(used_at=func.now()))
