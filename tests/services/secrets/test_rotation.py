"""Rotations of master keys and of data keys, while several processes read and write: no read fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.conftest import make_scope
from tests.services.secrets.conftest import THERE, new_master

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable
from girih.providers.keys.base import MasterKeys
from girih.services.secrets import key_repository
from girih.services.secrets import rotation as module
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.rotation import Rotation
from girih.services.secrets.service import Kept, SecretService
from girih.services.webhooks.keys import SigningKeys
from girih.wiring.secrets import SEALED


@pytest.fixture(autouse=True)
async def nothing_stays(uow: UnitOfWork) -> AsyncIterator[None]:
    """Rotations look at all organizations, and each test has master keys of its own."""
    yield
    async with uow.reading_for("keys") as work:
        organizations = await key_repository.organizations(work)
    for org_id in organizations:
        async with uow(OrgScope(org_id, org_id)) as work:
            for table in ("data_keys", "secrets", "webhook_secrets"):
                await work.session.execute(text(f"DELETE FROM {table}"))


class Process:
    """One of several processes that work on a database: with caches of its own."""

    def __init__(self, uow: UnitOfWork, masters: MasterKeys) -> None:
        self.ring = KeyRing(uow, masters)
        self.secrets = SecretService(uow, self.ring, lambda _: Kept())
        self.signing = SigningKeys(uow, self.ring)
        self.rotation = Rotation(uow, self.ring, SEALED)


async def sealed(uow: UnitOfWork, scope: OrgScope) -> list[str]:
    """The beginning of everything that is sealed: `sealed:1:VERSION`."""
    query = (
        "SELECT value FROM secrets UNION ALL SELECT secret FROM webhook_secrets UNION ALL "
        "SELECT before FROM webhook_secrets WHERE before IS NOT NULL"
    )
    async with uow(scope) as work:
        return [one.rpartition(":")[0] for one in await work.session.scalars(text(query))]


async def keys(uow: UnitOfWork, scope: OrgScope) -> list[tuple[int, str, bool]]:
    async with uow(scope) as work:
        rows = await work.session.execute(text("SELECT version, master, retired_at FROM data_keys ORDER BY version"))
        return [(row.version, row.master, row.retired_at is None) for row in rows]


async def test_new_data_keys_encrypt_everything_again(
    uow: UnitOfWork, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    process = Process(uow, MasterKeys(new_master()))
    names = [f"key-{number}" for number in range(10)]
    for name in names:
        await process.secrets.put(scope, name, f"value of {name}")
    signing = await process.signing.rotate(scope, overlap=timedelta(days=1))
    done = await process.rotation.data()
    assert done.texts >= 12
    assert set(await sealed(uow, scope)) == {"sealed:1:2"}
    assert [(version, current) for version, _, current in await keys(uow, scope)] == [(1, False), (2, True)]
    other = Process(uow, process.ring.masters())
    assert [await other.secrets.value(scope, name, THERE) for name in names] == [f"value of {name}" for name in names]
    assert await other.signing.of(scope) == signing
    await process.secrets.put(scope, "key-0", "another")  # it remembers the key before
    assert set(await sealed(uow, scope)) == {"sealed:1:2"}


async def test_keys_that_nothing_needs_go_when_readers_are_done_with_them(
    uow: UnitOfWork, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Process(uow, MasterKeys(new_master()))
    await process.secrets.put(scope, "crm.key", "value")
    await process.rotation.data()
    await Process(uow, process.ring.masters()).rotation.data()
    assert [version for version, _, _ in await keys(uow, scope)] == [1, 2, 3]
    monkeypatch.setattr(module, "GRACE", timedelta(0))
    await Process(uow, process.ring.masters()).rotation.data()
    assert [version for version, _, _ in await keys(uow, scope)] == [3, 4]


async def test_a_new_master_key_wraps_the_data_keys_and_then_the_old_one_is_needed_no_more(
    uow: UnitOfWork, scope: OrgScope
) -> None:
    old, new = new_master(), new_master()
    before = Process(uow, MasterKeys(old, [new]))
    await before.secrets.put(scope, "crm.key", "value")
    after = Process(uow, MasterKeys(new, [old]))
    assert await after.rotation.master() >= 1
    assert await after.rotation.master() == 0
    assert await keys(uow, scope) == [(1, new.id, True)]
    for process in (before, Process(uow, MasterKeys(old, [new])), Process(uow, MasterKeys(new))):
        assert await process.secrets.value(scope, "crm.key", THERE) == "value"
    with pytest.raises(Unavailable, match=new.id):
        await Process(uow, MasterKeys(old)).secrets.value(scope, "crm.key", THERE)


async def test_no_read_fails_while_keys_are_rotated(
    uow: UnitOfWork, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("girih.services.secrets.service.KEPT", 0.0)
    monkeypatch.setattr("girih.services.secrets.keyring._KEPT", 0.0)
    monkeypatch.setattr("girih.services.webhooks.keys._KEPT", 0.0)
    monkeypatch.setattr(module, "BATCH", 2)
    old, new = new_master(), new_master()
    processes = [Process(uow, MasterKeys(new, [old])), Process(uow, MasterKeys(old, [new]))]
    other = await make_scope(uow)
    for number in range(6):
        for whose in (scope, other):
            await processes[1].secrets.put(whose, f"key-{number}", f"{whose.org_id} {number}")
    signing = await processes[1].signing.of(scope)
    reads = 0

    async def read(process: Process) -> None:
        nonlocal reads
        for number in range(6):
            for whose in (scope, other):
                assert await process.secrets.value(whose, f"key-{number}", THERE) == f"{whose.org_id} {number}"
                reads += 1
        assert (await process.signing.of(scope)).secret == signing.secret

    async def write(process: Process) -> None:
        for number in range(6):
            await process.secrets.put(scope, f"key-{number}", f"{scope.org_id} {number}")

    async def again_and_again(work: Callable[[Process], Awaitable[None]], process: Process) -> None:
        while True:
            await work(process)

    tasks = [asyncio.create_task(again_and_again(work, one)) for one in processes for work in (read, write)]
    try:
        for _ in range(3):
            await processes[0].rotation.data()
            await processes[0].rotation.master()
            await processes[1].rotation.data()
        failed = [task.exception() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
    assert not failed and reads > 20
    last = await processes[0].rotation.data()
    assert last.organizations >= 2
    assert len(set(await sealed(uow, scope))) == 1
    await read(processes[0])


async def test_of_two_rotations_at_once_one_makes_the_key(uow: UnitOfWork, scope: OrgScope) -> None:
    masters = MasterKeys(new_master())
    both = Process(uow, masters), Process(uow, masters)
    await both[0].secrets.put(scope, "crm.key", "value")
    await asyncio.gather(*(one.rotation.data() for one in both))
    assert [current for *_, current in await keys(uow, scope)].count(True) == 1
    assert await Process(uow, masters).secrets.value(scope, "crm.key", THERE) == "value"
