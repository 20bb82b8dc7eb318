"""The rows of service accounts: their roles, and the keys that are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import any_, delete, func, or_, select, update

from girih.db.base import Organization, Project, Unit, new_id
from girih.db.unit_of_work import Work
from girih.services.identity.granting import Placed
from girih.services.identity.tables import ApiKey, ServiceAccount, ServiceGrant


class Account(NamedTuple):
    """A service account, and the name of the project that it is for, if it is for one only."""

    id: UUID
    name: str
    project_id: UUID | None
    project: str | None
    created_at: datetime
    suspended_at: datetime | None


class Grant(NamedTuple):
    """A role of a service account, in a project (its name), below a unit, or in the whole organization."""

    id: UUID
    role: str
    project: str | None
    unit_id: UUID | None


class State(NamedTuple):
    """Whether anything may happen in an organization, and whose a key is."""

    suspended_at: datetime | None
    deletes_at: datetime | None
    service_account_id: UUID | None
    is_service_suspended: bool


async def accounts(work: Work) -> list[Account]:
    """Every service account of the organization, by name."""
    query = (
        select(
            ServiceAccount.id,
            ServiceAccount.name,
            ServiceAccount.project_id,
            Project.name,
            ServiceAccount.created_at,
            ServiceAccount.suspended_at,
        )
        .outerjoin(Project, (Project.org_id == ServiceAccount.org_id) & (Project.id == ServiceAccount.project_id))
        .where(ServiceAccount.org_id == work.speaks_for.org_id)
        .order_by(ServiceAccount.name)
    )
    return [Account(*row) for row in await work.session.execute(query)]


async def grants(work: Work) -> list[Grant]:
    """Every role of every service account of the organization."""
    query = (
        select(ServiceGrant.service_account_id, ServiceGrant.role, Project.name, ServiceGrant.unit_id)
        .outerjoin(Project, (Project.org_id == ServiceGrant.org_id) & (Project.id == ServiceGrant.project_id))
        .where(ServiceGrant.org_id == work.speaks_for.org_id)
        .order_by(ServiceGrant.role, Project.name, ServiceGrant.unit_id)
    )
    return [Grant(*row) for row in await work.session.execute(query)]


async def add(work: Work, row: ServiceAccount) -> None:
    """Store a service account."""
    work.session.add(row)
    await work.session.flush()


async def set_grants(work: Work, id: UUID, roles: Sequence[Placed]) -> None:
    """Give it these roles in place of all that it has."""
    scope = work.speaks_for
    mine = ServiceGrant.org_id == scope.org_id, ServiceGrant.service_account_id == id
    await work.session.execute(delete(ServiceGrant).where(*mine))
    for one in roles:
        work.session.add(
            ServiceGrant(
                id=new_id(),
                org_id=scope.org_id,
                service_account_id=id,
                project_id=one.project_id,
                unit_id=one.unit_id,
                role=one.role,
                created_by=scope.actor,
            )
        )
    await work.session.flush()


async def suspend(work: Work, id: UUID, *, suspended: bool) -> None:
    """Let its keys do nothing, or let them hold again."""
    mine = ServiceAccount.org_id == work.speaks_for.org_id, ServiceAccount.id == id
    await work.session.execute(
        update(ServiceAccount).where(*mine).values(suspended_at=func.now() if suspended else None)
    )


async def remove(work: Work, id: UUID) -> None:
    """Remove it with its roles and its keys."""
    mine = ServiceAccount.org_id == work.speaks_for.org_id, ServiceAccount.id == id
    await work.session.execute(delete(ServiceAccount).where(*mine))


async def own(work: Work, id: UUID, key_id: UUID) -> None:
    """Let a key be the account's."""
    mine = ApiKey.org_id == work.speaks_for.org_id, ApiKey.id == key_id
    await work.session.execute(update(ApiKey).where(*mine).values(service_account_id=id))


async def keys(work: Work, id: UUID) -> Sequence[ApiKey]:
    """Every key of the account, the newest first."""
    mine = ApiKey.org_id == work.speaks_for.org_id, ApiKey.service_account_id == id
    return (await work.session.scalars(select(ApiKey).where(*mine).order_by(ApiKey.id.desc()))).all()


async def state(work: Work, key_id: UUID | None) -> State | None:
    """How the transaction's organization stands, and whose the key is; `None` where there is no such organization."""
    query = (
        select(
            Organization.suspended_at,
            Organization.deletes_at,
            ApiKey.service_account_id,
            ServiceAccount.suspended_at.is_not(None),
        )
        .outerjoin(ApiKey, (ApiKey.org_id == Organization.id) & (ApiKey.id == key_id))
        .outerjoin(
            ServiceAccount,
            (ServiceAccount.org_id == ApiKey.org_id) & (ServiceAccount.id == ApiKey.service_account_id),
        )
        .where(Organization.id == work.speaks_for.org_id)
    )
    row = (await work.session.execute(query)).one_or_none()
    return State(*row) if row else None


async def roles(work: Work, id: UUID) -> tuple[list[str], list[str]]:
    """The account's roles in the transaction's project, and those of them that hold in the whole organization."""
    scope = work.speaks_for
    is_everywhere = ServiceGrant.project_id.is_(None) & ServiceGrant.unit_id.is_(None)
    query = (
        select(ServiceGrant.role, is_everywhere)
        .join(ServiceAccount, (ServiceAccount.org_id == ServiceGrant.org_id) & (ServiceAccount.id == id))
        .join(Project, (Project.org_id == ServiceGrant.org_id) & (Project.id == scope.project_id))
        .outerjoin(Unit, (Unit.org_id == Project.org_id) & (Unit.id == Project.unit_id))
        .where(
            ServiceGrant.org_id == scope.org_id,
            ServiceGrant.service_account_id == id,
            or_(is_everywhere, ServiceGrant.project_id == Project.id, ServiceGrant.unit_id == any_(Unit.path)),
            or_(ServiceAccount.project_id.is_(None), ServiceAccount.project_id == Project.id),
        )
    )
    rows = (await work.session.execute(query)).all()
    return [row[0] for row in rows], [row[0] for row in rows if row[1]]
