"""The rows of sign-ins at identity providers, and of who people are there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.unit_of_work import Work
from girih.providers.oidc.provider import Identity
from girih.services.identity.tables import AccountIdentity, OutsideSignIn


async def add_sign_in(work: Work, row: OutsideSignIn) -> None:
    """Store a sign-in that begins."""
    work.session.add(row)
    await work.session.flush()


async def sign_in(work: Work, id: UUID) -> OutsideSignIn | None:
    """The sign-in, held to the end of the transaction, if its time is not over."""
    query = select(OutsideSignIn).where(OutsideSignIn.id == id, OutsideSignIn.expires_at > func.now())
    return (await work.session.scalars(query.with_for_update())).one_or_none()


async def remove_sign_in(work: Work, id: UUID) -> None:
    """Forget a sign-in, and whom it was about."""
    await work.session.execute(delete(OutsideSignIn).where(OutsideSignIn.id == id))


async def sweep(work: Work) -> None:
    """Forget the sign-ins whose time is over, in a transaction that may."""
    await work.session.execute(delete(OutsideSignIn).where(OutsideSignIn.expires_at < func.now()))


async def owner(work: Work, identity: Identity) -> UUID | None:
    """Whose identity it is, in a transaction that may see it."""
    query = select(AccountIdentity.account_id).where(
        AccountIdentity.issuer == identity.issuer, AccountIdentity.subject == identity.subject
    )
    return await work.session.scalar(query)


async def add_identity(work: Work, account_id: UUID, provider: str, identity: Identity) -> bool:
    """Link an identity to a person; `False` if it is linked to somebody already."""
    row = {
        "id": new_id(),
        "account_id": account_id,
        "provider": provider,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "email": identity.email,
        "used_at": func.now(),
    }
    statement = insert(AccountIdentity).values(row).on_conflict_do_nothing().returning(AccountIdentity.id)
    return await work.session.scalar(statement) is not None


async def note_use(work: Work, identity: Identity, at: datetime) -> None:
    """Note that somebody signed in as this, and under which address."""
    this = AccountIdentity.issuer == identity.issuer, AccountIdentity.subject == identity.subject
    await work.session.execute(update(AccountIdentity).where(*this).values(used_at=at, email=identity.email))


async def identities(work: Work, account_id: UUID) -> Sequence[AccountIdentity]:
    """Who the person is elsewhere, the oldest link first."""
    query = select(AccountIdentity).where(AccountIdentity.account_id == account_id).order_by(AccountIdentity.id)
    return (await work.session.scalars(query)).all()


async def remove_identity(work: Work, account_id: UUID, id: UUID) -> bool:
    """End a link of the person's; `False` if there is none of that id."""
    mine = AccountIdentity.account_id == account_id, AccountIdentity.id == id
    return await work.session.scalar(delete(AccountIdentity).where(*mine).returning(AccountIdentity.id)) is not None
