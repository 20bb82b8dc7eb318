"""Names that are wanted by several at the same moment, and what goes on while they are given."""

from __future__ import annotations

import asyncio

from sqlalchemy import insert, text, update
from tests.conftest import make_scope
from tests.services.identity.people import Town

from girih.db.base import Unit, new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict
from girih.services.identity import project_repository
from girih.services.identity.callers import Callers
from girih.services.identity.tables import ApiKey
from girih.services.organizations import repository
from girih.services.organizations.service import OrganizationService
from girih.services.organizations.units import UnitService


async def test_a_name_is_given_once(uow: UnitOfWork) -> None:
    organizations = OrganizationService(uow, Town.of(uow).accounts, Callers(uow))
    scopes = [await make_scope(uow) for _ in range(6)]
    name = f"wanted {new_id()}"
    found = await asyncio.gather(*(organizations.rename(scope, name) for scope in scopes), return_exceptions=True)
    refused = [one for one in found if isinstance(one, BaseException)]
    assert len(refused) == 5
    assert all(isinstance(one, Conflict) and name in one.message for one in refused)
    (winner,) = [scope for scope, one in zip(scopes, found, strict=True) if one not in refused]
    assert (await organizations.rename(winner, name)).name == name


async def test_who_writes_waits_for_no_name(uow: UnitOfWork, scope: OrgScope) -> None:
    """Else those who rename and those who write could wait for each other."""
    unit = await UnitService(uow).create(scope, "before", None)
    async with uow(scope) as work:
        await repository.rename(work, f"renamed {new_id()}")
        await project_repository.rename(work, scope.project_id, "renamed")
        await work.session.execute(update(Unit).where(Unit.id == unit.id).values(name="renamed"))
        async with uow(scope) as other:
            await other.session.execute(text("SET LOCAL lock_timeout = '2s'"))
            below = {"id": new_id(), "org_id": scope.org_id, "parent_id": unit.id, "name": "x", "path": [unit.id]}
            await other.session.execute(insert(Unit).values(below))
            key = {"id": new_id(), "org_id": scope.org_id, "project_id": scope.project_id, "name": "x", "hash": b""}
            await other.session.execute(insert(ApiKey).values(key | {"permissions": [], "created_by": "a test"}))
