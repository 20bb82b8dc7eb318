"""The units of an organization: a tree of departments and teams. A role given at one holds in all projects below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from girih.db.base import Unit, new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput, NotFound
from girih.services.audit.service import record
from girih.services.identity.member_repository import hold_organization
from girih.services.identity.names import name_of
from girih.services.organizations import unit_repository as repository
from girih.services.organizations.schemas import UnitOut

DEEPEST: Final = 8
"""Units one below the other."""

MOST: Final = 1000
"""Units of one organization."""


class UnitService:
    """Knows the units of organizations. One change at a time, so that no two make a circle together."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def units(self, scope: OrgScope) -> list[UnitOut]:
        """Every unit, those above before those below."""
        async with self._uow(scope) as work:
            known = await repository.units(work)
        return [_shown(row, known) for row in known.values()]

    async def create(self, scope: OrgScope, name: str, parent: UUID | None) -> UnitOut:
        """Make a unit below another one, or at the top. Raises `Conflict` where there is one of that name."""
        name, made = name_of("unit", name), new_id()
        async with self._uow(scope) as work:
            known = await _held(work)
            if len(known) >= MOST:
                raise Conflict(f"an organization has at most {MOST} units", help="delete some that are empty")
            path = [*_path(known, parent), made]
            _require_room(len(path))
            _require_free(known, name, parent, None)
            row = Unit(id=made, org_id=scope.org_id, parent_id=parent, name=name, path=path)
            await repository.add(work, row)
            told = {"name": name, "parent": str(parent) if parent else None}
            await record(work, "unit.created", f"unit:{made}", org_wide=True, **told)
        return _shown(row, known | {made: row})

    async def rename(self, scope: OrgScope, id: UUID, name: str) -> UnitOut:
        """Call a unit otherwise."""
        name = name_of("unit", name)
        async with self._uow(scope) as work:
            known = await _held(work)
            row = _found(known, id)
            _require_free(known, name, row.parent_id, id)
            former, row.name = row.name, name
            await record(work, "unit.renamed", f"unit:{id}", org_wide=True, name=name, former=former)
        return _shown(row, known)

    async def move(self, scope: OrgScope, id: UUID, parent: UUID | None) -> UnitOut:
        """Put a unit with all below it below another one, or at the top. Raises `Conflict` for one below itself."""
        async with self._uow(scope) as work:
            known = await _held(work)
            row, above = _found(known, id), _path(known, parent)
            if id in above:
                raise Conflict("a unit cannot be below itself", help="choose a unit that is not below this one")
            _require_free(known, row.name, parent, id)
            deep = len(row.path) - 1
            paths = {one.id: [*above, *one.path[deep:]] for one in known.values() if id in one.path}
            _require_room(max(len(path) for path in paths.values()))
            await repository.place(work, paths)
            told = {"parent": str(parent) if parent else None}
            await record(work, "unit.moved", f"unit:{id}", org_wide=True, **told)
        return next(unit for unit in await self.units(scope) if unit.id == id)

    async def remove(self, scope: OrgScope, id: UUID) -> None:
        """Delete a unit with the roles given at it. Raises `Conflict` while there are units or projects below it."""
        async with self._uow(scope) as work:
            known = await _held(work)
            row = _found(known, id)
            if any(one.parent_id == id for one in known.values()) or await repository.has_projects(work, id):
                raise Conflict(f"the unit `{row.name}` is not empty", help="move what is below it elsewhere first")
            await repository.remove(work, id)
            await record(work, "unit.deleted", f"unit:{id}", org_wide=True, name=row.name)

    async def assign(self, scope: OrgScope, project_id: UUID, unit: UUID | None) -> None:
        """Let a project belong to a unit, or to none: whoever has a role above it has that role in it."""
        async with self._uow(scope) as work:
            _path(await _held(work), unit)
            if not await repository.assign(work, project_id, unit):
                raise NotFound(f"no project `{project_id}`", help="list the projects to find its id")
            told = {"unit": str(unit) if unit else None}
            await record(work, "project.moved", f"project:{project_id}", org_wide=True, **told)


async def _held(work: Work) -> dict[UUID, Unit]:
    await hold_organization(work)
    return await repository.units(work)


def _found(known: Mapping[UUID, Unit], id: UUID) -> Unit:
    if id not in known:
        raise NotFound(f"no unit `{id}`", help="list the units to find its id")
    return known[id]


def _path(known: Mapping[UUID, Unit], id: UUID | None) -> list[UUID]:
    return list(_found(known, id).path) if id is not None else []


def _require_room(depth: int) -> None:
    if depth > DEEPEST:
        raise InvalidInput(f"units are at most {DEEPEST} deep", help="put it below one that is higher up")


def _require_free(known: Mapping[UUID, Unit], name: str, parent: UUID | None, but: UUID | None) -> None:
    if any(one.name == name and one.parent_id == parent and one.id != but for one in known.values()):
        raise Conflict(f"there is a unit `{name}` at this place already", help="take another name")


def _shown(row: Unit, known: Mapping[UUID, Unit]) -> UnitOut:
    names = [known[one].name for one in row.path]
    return UnitOut(id=row.id, name=row.name, parent=row.parent_id, path=names, created_at=row.created_at)
