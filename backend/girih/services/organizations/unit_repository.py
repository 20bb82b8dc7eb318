"""The rows of units, and which projects belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, func, select, update

from girih.db.base import Project, Unit
from girih.db.unit_of_work import Work


async def units(work: Work) -> dict[UUID, Unit]:
    """Every unit of the organization by its id, those above before those below."""
    query = select(Unit).where(Unit.org_id == work.speaks_for.org_id)
    rows = await work.session.scalars(query.order_by(func.cardinality(Unit.path), Unit.name, Unit.id))
    return {row.id: row for row in rows}


async def add(work: Work, row: Unit) -> None:
    """Store a unit."""
    work.session.add(row)
    await work.session.flush()


async def place(work: Work, paths: Mapping[UUID, Sequence[UUID]]) -> None:
    """Let units have other units above them."""
    mine = Unit.org_id == work.speaks_for.org_id
    for unit_id, path in paths.items():
        above = path[-2] if len(path) > 1 else None
        await work.session.execute(
            update(Unit).where(mine, Unit.id == unit_id).values(path=list(path), parent_id=above)
        )


async def remove(work: Work, id: UUID) -> None:
    """Remove a unit, and the roles that were given at it."""
    await work.session.execute(delete(Unit).where(Unit.org_id == work.speaks_for.org_id, Unit.id == id))


async def has_projects(work: Work, id: UUID) -> bool:
    """Whether projects belong to the unit itself."""
    query = select(Project.id).where(Project.org_id == work.speaks_for.org_id, Project.unit_id == id).limit(1)
    return await work.session.scalar(query) is not None


async def assign(work: Work, project_id: UUID, unit_id: UUID | None) -> bool:
    """Let a project belong to a unit, or to none; whether there is such a project."""
    mine = Project.org_id == work.speaks_for.org_id
    query = update(Project).where(mine, Project.id == project_id).values(unit_id=unit_id)
    return await work.session.scalar(query.returning(Project.id)) is not None
