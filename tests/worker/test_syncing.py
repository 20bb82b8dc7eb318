"""Syncs in real worker processes: rung for, killed in the middle, stopped, and carried on by another one."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.services.sources.conftest import Desk, make_desk

from girih.db.engine import make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.valkey import ValkeyServer
from girih.jobs import make_dispatch
from girih.services.sources.schemas import DataStoreOut, SyncIn, SyncOut

FILES = 30

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
async def desk(engine: AsyncEngine, broker: ValkeyServer, scope: OrgScope, tmp_path: Path) -> Desk:
    desk = await make_desk(UnitOfWork(make_sessions(engine), make_dispatch(broker.url)), scope, tmp_path)
    for number in range(FILES):
        desk.write(f"{number:02}.md", f"text {number}")
    return desk


@pytest.fixture
def start(database_url: str, broker: ValkeyServer, tmp_path: Path) -> Iterator[Start]:
    """Starts workers that end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("sync_process.py")
        arguments = (database_url, broker.url, str(tmp_path / "data"), str(tmp_path / "source"), "0.1")
        with (tmp_path / f"sync-{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen([sys.executable, str(script), *arguments], stdout=log, stderr=log))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


async def until(desk: Desk, store: DataStoreOut, sync: SyncOut, ready: Callable[[SyncOut], bool]) -> SyncOut:
    while True:
        found = await desk.sources.one_sync(desk.scope, store.id, sync.id)
        if ready(found):
            return found
        assert found.status in ("queued", "running"), found
        await asyncio.sleep(0.05)


async def generations(desk: Desk) -> list[tuple[str, int]]:
    async with desk.uow(desk.scope) as work:
        rows = await work.session.execute(text("SELECT name, generation FROM documents ORDER BY name"))
        return [(row.name, row.generation) for row in rows]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
async def test_a_sync_is_carried_on_after_its_worker(desk: Desk, start: Start, by: signal.Signals) -> None:
    store = await desk.store()
    sync = await desk.sources.sync(desk.scope, store.id, SyncIn())
    first = start()
    await until(desk, store, sync, lambda found: found.added >= 5)
    first.send_signal(by)
    await asyncio.to_thread(first.wait)
    middle = await desk.sources.one_sync(desk.scope, store.id, sync.id)
    assert middle.added < FILES
    start()
    ended = await until(desk, store, sync, lambda found: found.status == "done")
    # What was uploaded and not noted when the worker died is an equal upload the next time, and no second document.
    assert (ended.added + ended.changed, ended.failed, ended.listed) == (FILES, 0, FILES)
    assert await generations(desk) == [(f"{number:02}.md", 1) for number in range(FILES)]


async def test_removing_is_carried_on_too(desk: Desk, start: Start) -> None:
    store = await desk.store()
    assert (await desk.sync(store)).added == FILES
    for path in desk.folder.iterdir():
        path.unlink()
    desk.write("left.md", "left")
    sync = await desk.sources.sync(desk.scope, store.id, SyncIn(remove_all=True))
    first = start()
    await until(desk, store, sync, lambda found: found.removed >= 5)
    first.kill()
    first.wait()
    start()
    ended = await until(desk, store, sync, lambda found: found.status == "done")
    assert (ended.added, ended.removed) == (1, FILES)
    assert await generations(desk) == [("left.md", 1)]
