"""What webhooks are signed with: sealed where there is a master key, and later where there was none at first."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import text
from tests.services.secrets.conftest import new_master

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict
from girih.providers.keys.base import MasterKeys
from girih.services.secrets.keyring import KeyRing
from girih.services.webhooks.keys import SigningKeys

DAY = timedelta(days=1)


async def rows(uow: UnitOfWork, scope: OrgScope) -> str:
    async with uow(scope) as work:
        found = await work.session.scalars(text("SELECT webhook_secrets::text FROM webhook_secrets"))
        return "\n".join(found)


async def test_they_are_kept_sealed_and_last(uow: UnitOfWork, scope: OrgScope) -> None:
    masters = MasterKeys(new_master())
    made = await SigningKeys(uow, KeyRing(uow, masters)).of(scope)
    there = SigningKeys(uow, KeyRing(uow, masters))
    assert await there.known(scope) == made == await there.of(scope)
    new = await there.rotate(scope, overlap=DAY)
    assert (new.before, new.secret != made.secret) == (made.secret, True)
    assert await SigningKeys(uow, KeyRing(uow, masters)).of(scope) == new
    kept = await rows(uow, scope)
    assert made.secret not in kept and new.secret not in kept and kept.count("sealed:1:1:") == 2
    assert made.secret not in repr(made) and new.secret not in repr(new)


async def test_what_was_kept_plain_is_sealed_once_there_is_a_master_key(uow: UnitOfWork, scope: OrgScope) -> None:
    plain = SigningKeys(uow, KeyRing(uow, None))
    await plain.of(scope)
    made = await plain.rotate(scope, overlap=DAY)
    assert made.secret in await rows(uow, scope)
    assert await plain.seal_plain() == 0
    sealing = SigningKeys(uow, KeyRing(uow, MasterKeys(new_master())))
    assert await sealing.of(scope) == made
    assert await sealing.seal_plain() >= 1
    assert await sealing.seal_plain() == 0
    assert "whsec_" not in await rows(uow, scope)
    assert await SigningKeys(uow, sealing._ring).of(scope) == made


async def test_of_two_who_replace_it_at_once_one_is_told(uow: UnitOfWork, scope: OrgScope) -> None:
    ring = KeyRing(uow, MasterKeys(new_master()))
    here, there = SigningKeys(uow, ring), SigningKeys(uow, ring)
    await here.of(scope)
    both = await asyncio.gather(
        here.rotate(scope, overlap=DAY), there.rotate(scope, overlap=DAY), return_exceptions=True
    )
    made = [one for one in both if not isinstance(one, BaseException)]
    assert all(isinstance(one, Conflict) for one in both if one not in made)
    last = await SigningKeys(uow, ring).of(scope)
    assert last.secret in {one.secret for one in made} and len(made) in (1, 2)
    if len(made) == 2:
        assert {last.secret, last.before} == {one.secret for one in made}
