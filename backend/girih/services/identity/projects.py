"""The projects of an organization: made, listed, called otherwise. Nothing of one is seen in another."""

from __future__ import annotations

from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, NotFound
from girih.language.spec.suggest import hint
from girih.services.audit.service import record
from girih.services.identity import project_repository as repository
from girih.services.identity.names import name_of
from girih.services.identity.schemas import ProjectOut


class ProjectService:
    """Knows the projects of organizations."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def projects(self, scope: OrgScope) -> list[ProjectOut]:
        """Every project of the organization, by name; `current`: the one the caller speaks for."""
        async with self._uow(scope) as work:
            rows = await repository.projects(work)
        return [
            ProjectOut(id=row.id, name=row.name, created_at=row.created_at, current=row.id == scope.project_id)
            for row in rows
        ]

    async def create(self, scope: OrgScope, name: str) -> ProjectOut:
        """Make a project. Raises `Conflict` where the organization has one of that name."""
        name, project_id = name_of("project", name), new_id()
        async with self._uow(scope) as work:
            if not await repository.add(work, project_id, name):
                raise _taken(name)
            await record(work, "project.created", f"project:{project_id}", org_wide=True, name=name)
        return await self._one(scope, project_id)

    async def rename(self, scope: OrgScope, id: UUID, name: str) -> ProjectOut:
        """Call a project otherwise. Whoever names it by its old name finds it no more."""
        name = name_of("project", name)
        async with self._uow(scope) as work:
            former = await repository.rename(work, id, name)
            if former is None:
                raise NotFound(f"no project `{id}`", help="list the projects to find its id")
            if former.is_taken:
                raise _taken(name)
            await record(work, "project.renamed", f"project:{id}", org_wide=True, name=name, former=former.name)
        return await self._one(scope, id)

    async def named(self, scope: OrgScope, name: str) -> UUID:
        """The id of the organization's project of that name. Raises `NotFound`."""
        found = {project.name: project.id for project in await self.projects(scope)}
        if name not in found:
            raise NotFound(f"no project `{name}`", help=hint(name, found))
        return found[name]

    async def _one(self, scope: OrgScope, id: UUID) -> ProjectOut:
        return next(project for project in await self.projects(scope) if project.id == id)


def _taken(name: str) -> Conflict:
    return Conflict(f"there is a project `{name}` already", help="take another name")
