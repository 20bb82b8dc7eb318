"""The rows of issuers that projects trust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import Organization, Project
from girih.db.unit_of_work import Work
from girih.services.identity.tables import TrustedIssuer


async def trusting(work: Work, issuer: str) -> Sequence[TrustedIssuer]:
    """Every trust in that issuer, the oldest first, in a transaction that may see it across organizations."""
    query = select(TrustedIssuer).where(TrustedIssuer.issuer == issuer).order_by(TrustedIssuer.id)
    return (await work.session.scalars(query)).all()


async def names(work: Work, project_id: UUID) -> tuple[str, str] | None:
    """What the transaction's organization and the project are called."""
    scope = work.speaks_for
    query = (
        select(Organization.name, Project.name)
        .join(Project, Project.org_id == Organization.id)
        .where(Organization.id == scope.org_id, Project.id == project_id)
    )
    row = (await work.session.execute(query)).one_or_none()
    return (row[0], row[1]) if row else None


async def of_project(work: Work) -> Sequence[TrustedIssuer]:
    """The issuers that the transaction's project trusts, the newest first."""
    scope = work.speaks_for
    mine = TrustedIssuer.org_id == scope.org_id, TrustedIssuer.project_id == scope.project_id
    return (await work.session.scalars(select(TrustedIssuer).where(*mine).order_by(TrustedIssuer.id.desc()))).all()


async def count(work: Work) -> int:
    """How many there are in the project."""
    scope = work.speaks_for
    mine = TrustedIssuer.org_id == scope.org_id, TrustedIssuer.project_id == scope.project_id
    return await work.session.scalar(select(func.count()).select_from(TrustedIssuer).where(*mine)) or 0


async def add(work: Work, values: dict[str, Any]) -> TrustedIssuer | None:
    """Add one to the transaction's project; `None` if it trusts this issuer for this audience already."""
    scope = work.speaks_for
    row = {**values, "org_id": scope.org_id, "project_id": scope.project_id, "created_by": scope.actor}
    statement = insert(TrustedIssuer).values(row).on_conflict_do_nothing().returning(TrustedIssuer)
    return (await work.session.scalars(statement)).one_or_none()


async def remove(work: Work, id: UUID) -> TrustedIssuer | None:
    """Remove one of the transaction's project, and give it."""
    scope = work.speaks_for
    mine = TrustedIssuer.org_id == scope.org_id, TrustedIssuer.project_id == scope.project_id, TrustedIssuer.id == id
    return (await work.session.scalars(delete(TrustedIssuer).where(*mine).returning(TrustedIssuer))).one_or_none()
