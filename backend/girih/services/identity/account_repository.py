"""The rows of people and their sessions, and where a person may do what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, any_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.exc import IntegrityError

from girih.db.base import Organization, Project, Unit
from girih.db.unit_of_work import Work
from girih.services.identity.tables import Account, AccountSession, CustomRole, Membership, RoleGrant


class Place(NamedTuple):
    """A project of an organization that a person is a member of, with the roles that hold there.

    `everywhere` are those of the roles that hold in the whole organization.
    """

    org_id: UUID
    organization: str
    project_id: UUID
    project: str
    roles: Sequence[str]
    everywhere: Sequence[str]
    suspended_at: datetime | None = None
    deletes_at: datetime | None = None


async def add_account(
    work: Work, id: UUID, email: str, name: str, password: str | None, *, verified_at: datetime | None = None
) -> bool:
    """Add a person; `False` if somebody has the address already."""
    row = {"id": id, "email": email, "name": name, "password": password, "email_verified_at": verified_at}
    statement = insert(Account).values(row).on_conflict_do_nothing().returning(Account.id)
    return await work.session.scalar(statement) is not None


async def account_at(work: Work, email: str) -> Account | None:
    """The person with that address, in a transaction that may see it."""
    return (await work.session.scalars(select(Account).where(Account.email == email))).one_or_none()


async def account(work: Work, id: UUID, *, held: bool = False) -> Account | None:
    """The person, `held` to the end of the transaction."""
    query = select(Account).where(Account.id == id)
    return (await work.session.scalars(query.with_for_update() if held else query)).one_or_none()


async def set_email(work: Work, row: Account, email: str) -> bool:
    """Give a person another address; `False` if somebody has it already."""
    try:
        async with work.session.begin_nested():
            await work.session.execute(update(Account).where(Account.id == row.id).values(email=email))
    except IntegrityError:
        return False
    await work.session.refresh(row)
    return True


async def organizations_of(work: Work, account_id: UUID) -> Sequence[UUID]:
    """The organizations that the person is a member of, suspended there or not."""
    query = select(Membership.org_id).where(Membership.account_id == account_id)
    return (await work.session.scalars(query)).all()


async def add_session(work: Work, row: AccountSession) -> None:
    """Store a session."""
    work.session.add(row)
    await work.session.flush()


async def session(work: Work, id: UUID, *, held: bool = False) -> AccountSession | None:
    """The session, `held` to the end of the transaction."""
    query = select(AccountSession).where(AccountSession.id == id)
    return (await work.session.scalars(query.with_for_update() if held else query)).one_or_none()


async def sessions(work: Work, account_id: UUID) -> Sequence[AccountSession]:
    """The sessions of a person that still hold, the newest first."""
    query = select(AccountSession).where(*_live(account_id)).order_by(AccountSession.id.desc())
    return (await work.session.scalars(query)).all()


async def end_sessions(
    work: Work, account_id: UUID, reason: str, *, only: UUID | None = None, but: UUID | None = None
) -> Sequence[UUID]:
    """End sessions of a person that still hold: all, `only` one, or all `but` one. Returns their ids."""
    wanted: list[ColumnElement[bool]] = [*_live(account_id)]
    if only is not None:
        wanted.append(AccountSession.id == only)
    if but is not None:
        wanted.append(AccountSession.id != but)
    ended = update(AccountSession).where(*wanted).values(revoked_at=func.now(), reason=reason)
    return (await work.session.scalars(ended.returning(AccountSession.id))).all()


async def forget_sessions(work: Work, account_id: UUID, before: datetime) -> None:
    """Remove the sessions of a person that ended before then."""
    gone = or_(AccountSession.expires_at < before, AccountSession.revoked_at < before)
    await work.session.execute(delete(AccountSession).where(AccountSession.account_id == account_id, gone))


async def places(work: Work, account_id: UUID) -> list[Place]:
    """Every project that the person has a role in, by names of organization and project."""
    held = aggregate_order_by(RoleGrant.role, RoleGrant.role)
    is_everywhere = and_(RoleGrant.project_id.is_(None), RoleGrant.unit_id.is_(None))
    everywhere = func.array_agg(held).filter(is_everywhere)
    query = (
        select(
            Organization.id,
            Organization.name,
            Project.id,
            Project.name,
            func.array_agg(held),
            everywhere,
            Organization.suspended_at,
            Organization.deletes_at,
        )
        .select_from(Membership)
        .join(Organization, Organization.id == Membership.org_id)
        .join(Project, Project.org_id == Membership.org_id)
        .outerjoin(Unit, and_(Unit.org_id == Project.org_id, Unit.id == Project.unit_id))
        .join(
            RoleGrant,
            and_(
                RoleGrant.org_id == Membership.org_id,
                RoleGrant.account_id == Membership.account_id,
                or_(is_everywhere, RoleGrant.project_id == Project.id, RoleGrant.unit_id == any_(Unit.path)),
            ),
        )
        .where(Membership.account_id == account_id, Membership.suspended_at.is_(None))
        .group_by(Organization.id, Organization.name, Project.id, Project.name)
        .order_by(Organization.name, Project.name)
    )
    rows = (await work.session.execute(query)).all()
    return [Place(row[0], row[1], row[2], row[3], row[4], row[5] or (), row[6], row[7]) for row in rows]


async def custom_roles(work: Work) -> dict[UUID, dict[str, list[str]]]:
    """The roles that organizations have made themselves, by organization, as far as the transaction sees them."""
    found: dict[UUID, dict[str, list[str]]] = {}
    rows = await work.session.execute(select(CustomRole.org_id, CustomRole.name, CustomRole.permissions))
    for org_id, name, permissions in rows:
        found.setdefault(org_id, {})[name] = permissions
    return found


def _live(account_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        AccountSession.account_id == account_id,
        AccountSession.revoked_at.is_(None),
        AccountSession.expires_at > func.now(),
    )
