"""The rows of projects."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import Project
from girih.db.unit_of_work import Work


class Row(NamedTuple):
    """A project."""

    id: UUID
    name: str
    created_at: datetime


class Former(NamedTuple):
    """What a project was called; `is_taken`: another one has the new name, and nothing was changed."""

    name: str
    is_taken: bool


async def projects(work: Work) -> list[Row]:
    """The organization's projects by name."""
    query = select(Project.id, Project.name, Project.created_at).where(Project.org_id == work.speaks_for.org_id)
    return [Row(*row) for row in await work.session.execute(query.order_by(Project.name))]


async def add(work: Work, id: UUID, name: str) -> bool:
    """Make a project; `False` if there is one of that name."""
    row = {"id": id, "org_id": work.speaks_for.org_id, "name": name}
    statement = insert(Project).values(row).on_conflict_do_nothing().returning(Project.id)
    return await work.session.scalar(statement) is not None


async def rename(work: Work, id: UUID, name: str) -> Former | None:
    """Call a project otherwise, unless another one is called so; `None` where there is no such project."""
    mine = Project.org_id == work.speaks_for.org_id
    rows = (
        await work.session.execute(select(Project.id, Project.name).where(mine).with_for_update(key_share=True))
    ).all()
    former = next((row.name for row in rows if row.id == id), None)
    if former is None:
        return None
    if any(row.name == name and row.id != id for row in rows):
        return Former(former, is_taken=True)
    await work.session.execute(update(Project).where(mine, Project.id == id).values(name=name))
    return Former(former, is_taken=False)
