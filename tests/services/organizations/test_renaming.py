"""Organizations that want the same name at the same moment: one has it, and the others are told."""

from __future__ import annotations

import asyncio

from tests.conftest import make_scope
from tests.services.identity.people import Town

from girih.db.base import new_id
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict
from girih.services.identity.callers import Callers
from girih.services.organizations.service import OrganizationService


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
