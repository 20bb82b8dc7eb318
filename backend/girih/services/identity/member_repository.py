"""The rows of an organization's members: memberships, roles, invitations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import Organization, Project, Unit, new_id
from girih.db.unit_of_work import Work
from girih.services.identity.tables import Account, CustomRole, Invitation, Membership, RoleGrant


class Member(NamedTuple):
    """A member without the roles."""

    account_id: UUID
    email: str
    name: str
    since: datetime
    suspended_at: datetime | None


class Grant(NamedTuple):
    """A role of a member, in a project (its id and name), below a unit, or in the whole organization."""

    account_id: UUID
    role: str
    project_id: UUID | None
    project: str | None
    unit_id: UUID | None


async def hold_organization(work: Work) -> None:
    """Let one change of members at a time into the organization, to the end of the transaction."""
    org_id = work.speaks_for.org_id
    await work.session.execute(select(Organization.id).where(Organization.id == org_id).with_for_update(key_share=True))


async def members(work: Work) -> list[Member]:
    """The members of the transaction's organization, by address."""
    query = (
        select(Account.id, Account.email, Account.name, Membership.created_at, Membership.suspended_at)
        .join(Membership, Membership.account_id == Account.id)
        .where(Membership.org_id == work.speaks_for.org_id)
        .order_by(Account.email)
    )
    return [Member(*row) for row in await work.session.execute(query)]


async def grants(work: Work) -> list[Grant]:
    """Every role of every member of the transaction's organization."""
    query = (
        select(RoleGrant.account_id, RoleGrant.role, RoleGrant.project_id, Project.name, RoleGrant.unit_id)
        .outerjoin(Project, (Project.org_id == RoleGrant.org_id) & (Project.id == RoleGrant.project_id))
        .where(RoleGrant.org_id == work.speaks_for.org_id)
        .order_by(RoleGrant.role, Project.name, RoleGrant.unit_id)
    )
    return [Grant(*row) for row in await work.session.execute(query)]


async def organization_name(work: Work) -> str:
    """What the transaction's organization is called."""
    query = select(Organization.name).where(Organization.id == work.speaks_for.org_id)
    return (await work.session.scalars(query)).one()


async def projects(work: Work) -> dict[str, UUID]:
    """The ids of the organization's projects by name."""
    query = select(Project.name, Project.id).where(Project.org_id == work.speaks_for.org_id)
    return {row[0]: row[1] for row in await work.session.execute(query)}


async def units(work: Work) -> frozenset[UUID]:
    """The ids of the organization's units."""
    return frozenset(await work.session.scalars(select(Unit.id).where(Unit.org_id == work.speaks_for.org_id)))


async def add_member(work: Work, account_id: UUID) -> None:
    """Make the person a member, if he is none yet."""
    scope = work.speaks_for
    row = {"id": new_id(), "org_id": scope.org_id, "account_id": account_id, "created_by": scope.actor}
    await work.session.execute(insert(Membership).values(row).on_conflict_do_nothing())


async def set_grant(
    work: Work, account_id: UUID, role: str, project_id: UUID | None, unit_id: UUID | None = None
) -> None:
    """Give a member a role there, in place of the one that he has there."""
    scope = work.speaks_for
    statement = insert(RoleGrant).values(
        id=new_id(),
        org_id=scope.org_id,
        account_id=account_id,
        project_id=project_id,
        unit_id=unit_id,
        role=role,
        created_by=scope.actor,
    )
    await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=["org_id", "account_id", "project_id", "unit_id"],
            set_={"role": role, "created_by": scope.actor},
        )
    )


async def clear_grants(work: Work, account_id: UUID) -> None:
    """Take all roles from a member."""
    await work.session.execute(
        delete(RoleGrant).where(RoleGrant.org_id == work.speaks_for.org_id, RoleGrant.account_id == account_id)
    )


async def suspend(work: Work, account_id: UUID, *, suspended: bool) -> bool:
    """Suspend a membership, or let it hold again; whether there is one."""
    query = (
        update(Membership)
        .where(Membership.org_id == work.speaks_for.org_id, Membership.account_id == account_id)
        .values(suspended_at=func.now() if suspended else None)
    )
    return await work.session.scalar(query.returning(Membership.id)) is not None


async def remove_member(work: Work, account_id: UUID) -> bool:
    """End a membership, with all its roles; whether there was one."""
    query = delete(Membership).where(Membership.org_id == work.speaks_for.org_id, Membership.account_id == account_id)
    return await work.session.scalar(query.returning(Membership.id)) is not None


async def custom_roles(work: Work) -> dict[str, list[str]]:
    """The roles that the organization has made itself, with their permissions."""
    query = (
        select(CustomRole.name, CustomRole.permissions)
        .where(CustomRole.org_id == work.speaks_for.org_id)
        .order_by(CustomRole.name)
    )
    return {row[0]: row[1] for row in await work.session.execute(query)}


async def put_role(work: Work, name: str, permissions: Sequence[str]) -> None:
    """Make a role, or say anew what it may do."""
    statement = insert(CustomRole).values(
        id=new_id(), org_id=work.speaks_for.org_id, name=name, permissions=list(permissions)
    )
    await work.session.execute(
        statement.on_conflict_do_update(index_elements=["org_id", "name"], set_={"permissions": list(permissions)})
    )


async def remove_role(work: Work, name: str) -> bool:
    """Remove a role of the organization's own; whether there was one."""
    query = delete(CustomRole).where(CustomRole.org_id == work.speaks_for.org_id, CustomRole.name == name)
    return await work.session.scalar(query.returning(CustomRole.id)) is not None


async def add_invitation(work: Work, row: Invitation) -> None:
    """Store an invitation."""
    work.session.add(row)
    await work.session.flush()


async def invitation(work: Work, id: UUID, *, held: bool = False) -> Invitation | None:
    """The invitation, if the transaction may see it; `held` to its end."""
    query = select(Invitation).where(Invitation.id == id)
    return (await work.session.scalars(query.with_for_update() if held else query)).one_or_none()


async def invitations(work: Work) -> Sequence[Invitation]:
    """Every invitation of the organization, the newest first."""
    query = select(Invitation).where(Invitation.org_id == work.speaks_for.org_id).order_by(Invitation.id.desc())
    return (await work.session.scalars(query)).all()
