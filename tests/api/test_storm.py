"""Two tenants whose requests are cut off at random, on few connections: nothing of one is ever the other's."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.api.conftest import CURIOUS, settings_for
from tests.api.serving import served
from tests.conftest import make_scope

from girih.api.app import create_app
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.wiring.server import Girih, open_girih

CUT = 2_000
"""So many requests are cut off, besides those that came to their end before it."""
AT_ONCE = 12
POOL = 3
"""Connections of the server for requests: a quarter of what is asked at once."""
LONGEST, LATEST = 2.0, 60.0
"""Seconds after which everybody hangs up, and in which a request has come to its end then."""
SEED = 47
TALK = """\
kind: graph/v1
name: talk
inputs: { word: string }
state: { kept: { type: [string], merge: append } }
nodes:
  first: { set: { said: "${ inputs.word }" }, write: { kept: ["${ first.said }"] }, next: rest }
  rest: { wait: 0.01, next: last }
  last: { set: { said: "${ first.said }" }, next: $end }
outputs: { said: "${ last.said }" }
"""
SHELF = "kind: collection/v1\nname: shelf\ndescription: Books\nembedder: hashing\n"


@dataclass
class Tenant:
    """One organization, its key, a word that stands in all it writes, and ids of what it made."""

    scope: OrgScope
    word: str
    key: str = ""
    ids: dict[str, list[str]] = field(default_factory=lambda: {"runs": [], "threads": []})
    other: Tenant | None = None

    def note(self, kind: str, body: bytes) -> None:
        """Remember the id of something that was made, if the answer arrived."""
        if body:
            self.ids[kind].append(json.loads(body)["id"])

    def some(self, kind: str, dice: random.Random) -> str:
        """The id of one of those, sometimes of the other's."""
        whose = self.other if dice.random() < 0.2 and self.other is not None else self
        return dice.choice(whose.ids[kind] or [str(uuid4())])


Asked = tuple[str, str, Any]
"""Method, path and body."""


def asks(tenant: Tenant, dice: random.Random) -> Asked:
    """One of the things that people do all day: reads, writes and streams."""
    word = f"{tenant.word}-{dice.randrange(1000)}"
    run, thread = tenant.some("runs", dice), tenant.some("threads", dice)
    started = {"agent": "talk", "inputs": {"word": word}, "metadata": {"word": word}, "tags": [tenant.word]}
    return dice.choice(
        [
            *[
                ("GET", path, None)
                for path in ("/v1/runs?limit=5", "/v1/threads", "/v1/events", "/v1/keys", "/v1/usage")
            ],
            ("GET", f"/v1/runs/{run}", None),
            ("GET", f"/v1/runs/{run}/events", None),
            ("GET", f"/v1/runs/{run}/trace", None),
            ("GET", f"/v1/threads/{thread}/state", None),
            ("GET", f"/v1/threads/{thread}/history", None),
            ("GET", "/v1/agents", None),
            ("GET", "/v1/secrets", None),
            ("GET", "/v1/audit", None),
            ("GET", "/v1/collections/shelf/documents", None),
            ("POST", "/v1/collections/shelf/search", {"query": word}),
            ("POST", "/v1/store/items/search", {}),
            ("PUT", "/v1/store/items", {"namespace": ["storm"], "key": word, "value": {"word": word}}),
            ("PUT", f"/v1/secrets/{word}", {"value": word}),
            ("POST", "/v1/events", {"type": "storm.blew", "data": {"word": word}}),
            ("POST", "/v1/threads", {"metadata": {"word": word}}),
            ("POST", f"/v1/threads/{thread}/state", {"state": {"word": word}, "merge": True}),
            ("POST", f"/v1/threads/{thread}/runs", started | {"multitask": "enqueue"}),
            ("POST", f"/v1/runs/{run}/cancel", None),
            ("PATCH", f"/v1/runs/{run}", {"tags": [tenant.word, word]}),
            ("POST", "/v1/runs", started),
            ("POST", "/v1/runs/wait?timeout=1", started),
            ("POST", "/v1/runs/stream", started),
            ("POST", "/v1/workspace/plan", {"files": {"talk.yaml": TALK.replace("$end", f"$end # {word}", 1)}}),
        ]
    )


class CutAt:
    """An awaitable that has its own task cancelled at its `number`th wait, whatever it waits for there."""

    def __init__(self, work: Any, number: int) -> None:
        self._work = work
        self._number = number
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, task = self._work.__await__(), asyncio.current_task()
        fault: BaseException | None = None
        while True:
            try:
                waited = steps.send(None) if fault is None else steps.throw(fault)
            except StopIteration as end:
                return end.value
            self.waits += 1
            if self.waits == self._number and task is not None:
                task.cancel()
            fault = None
            try:
                yield waited
            except (Exception, asyncio.CancelledError) as thrown:
                fault = thrown


@dataclass
class Exchange:
    """One request on its way through the app, without a socket: what has arrived is kept, also of half an answer."""

    app: FastAPI
    tenant: Tenant
    asked: Asked
    status: int = 0
    body: bytes = b""
    is_whole: bool = False
    is_gone: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """The answer is whole or the client has gone: servers say both in the same way."""

    def leave(self) -> None:
        """Hang up."""
        self.is_gone = True
        self.over.set()

    async def run(self) -> None:
        method, path, body = self.asked
        sent = [b"" if body is None else json.dumps(body).encode()]
        path, _, query = path.partition("?")
        headers = [(b"authorization", f"Bearer {self.tenant.key}".encode()), (b"content-type", b"application/json")]

        async def receive() -> dict[str, Any]:
            if sent:
                return {"type": "http.request", "body": sent.pop(), "more_body": False}
            await self.over.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if self.is_gone:
                raise OSError("the client has gone")
            await asyncio.sleep(0)
            if message["type"] == "http.response.start":
                self.status = message["status"]
            self.body += message.get("body", b"")
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self.is_whole = True
                self.over.set()

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "headers": [(b"host", b"localhost"), *headers],
            "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        await self.app(scope, receive, send)


async def at_an_await(exchange: Exchange, dice: random.Random, url: str) -> bool:
    """The server's own task is cancelled at one of its waits."""
    work = asyncio.ensure_future(_awaited(CutAt(exchange.run(), int(dice.expovariate(1 / 12)) + 1)))
    await to_its_end(exchange, work)
    return work.cancelled()


async def to_its_end(exchange: Exchange, work: asyncio.Future[None]) -> None:
    """Nothing hangs because it was cut off. A stream is open for as long as its run waits: its caller leaves at last."""
    _, late = await asyncio.wait({work}, timeout=LONGEST)
    if late:
        exchange.leave()
        _, late = await asyncio.wait({work}, timeout=LATEST)
    assert not late, (exchange.asked, exchange.status, work)


async def _awaited(work: CutAt) -> None:
    await work


async def out_of_time(exchange: Exchange, dice: random.Random, url: str) -> bool:
    """A limit of time ends it."""
    try:
        async with asyncio.timeout(dice.expovariate(1 / 0.04)):
            await exchange.run()
    except TimeoutError:
        return True
    return False


async def gone(exchange: Exchange, dice: random.Random, url: str) -> bool:
    """The caller hangs up; what the server still says fails."""
    work = asyncio.ensure_future(exchange.run())
    await asyncio.wait({work}, timeout=dice.expovariate(1 / 0.04))
    was_open = not exchange.is_whole
    exchange.leave()
    await to_its_end(exchange, work)
    if not work.cancelled():
        assert isinstance(work.exception(), OSError | None)
    return was_open


async def hung_up(exchange: Exchange, dice: random.Random, url: str) -> bool:
    """The same over a real connection, which is reset."""
    method, path, body = exchange.asked
    content = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {exchange.tenant.key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(head.encode() + content)
    try:
        async with asyncio.timeout(dice.expovariate(1 / 0.04)):
            while piece := await reader.read(65536):
                exchange.body += piece
    except TimeoutError:
        pass
    writer.transport.abort()
    exchange.status = int(exchange.body[9:12] or 0)
    return True


WAYS: list[Callable[[Exchange, random.Random, str], Any]] = [at_an_await, at_an_await, out_of_time, gone, hung_up]


LEFT = text("""
SELECT a.state, a.query, extract(epoch FROM clock_timestamp() - a.state_change) AS age,
       array_agg(l.locktype) AS locks
FROM pg_stat_activity a LEFT JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory'
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND (a.state ~ 'in trans' OR l.pid IS NOT NULL)
GROUP BY a.pid, a.state, a.query, a.state_change
""")
"""Connections in the midst of a transaction, or with a lock of ours."""


@dataclass
class Storm:
    """What was seen of it."""

    cut: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    asked: int = 0
    foreign: list[tuple[Asked, bytes]] = field(default_factory=list)
    blows: bool = True
    openings: Counter[str] = field(default_factory=Counter)
    """The first statements of transactions."""


@pytest.fixture
async def tenants(database_apart: str) -> tuple[Tenant, Tenant]:
    engine = make_engine(database_apart, pool_size=1)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    one, other = [Tenant(await make_scope(uow), f"word{uuid4().hex[:10]}") for _ in range(2)]
    one.other, other.other = other, one
    await engine.dispose()
    return one, other


@pytest.fixture
async def girih(database_apart: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Girih]:
    monkeypatch.setattr("girih.wiring.database.make_engine", _small)
    async with open_girih(settings_for(database_apart, tmp_path, log_level="error")) as girih:
        yield girih


def _small(url: str, **_: Any) -> AsyncEngine:
    return make_engine(url, pool_size=POOL, overflow=0)


def engine_of(girih: Girih) -> AsyncEngine:
    engine: AsyncEngine = girih.identity._uow._sessions.kw["bind"]
    return engine


async def blow(storm: Storm, app: FastAPI, url: str, tenants: tuple[Tenant, Tenant], number: int) -> None:
    """Ask one thing after the other and cut each off, until enough were."""
    dice = random.Random(SEED * 1000 + number)
    while storm.cut.total() < CUT:
        tenant = dice.choice(tenants)
        exchange, way = Exchange(app, tenant, asks(tenant, dice)), dice.choice(WAYS)
        storm.asked += 1
        if await way(exchange, dice, url):
            storm.cut[way.__name__] += 1
        storm.statuses[exchange.status] += 1
        assert tenant.other is not None
        if any(one.encode() in exchange.body for one in (tenant.other.word, str(tenant.other.scope.org_id))):
            storm.foreign.append((exchange.asked, exchange.body))
        made = {"/v1/runs": "runs", "/v1/threads": "threads"}.get(exchange.asked[1])
        if exchange.status == 201 and exchange.is_whole and made and exchange.asked[0] == "POST":
            tenant.note(made, exchange.body)


def listen(engine: AsyncEngine, storm: Storm) -> None:
    """Note how each transaction begins."""
    fresh: set[int] = set()
    event.listen(engine.sync_engine, "begin", lambda connection: fresh.add(id(connection)))

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if id(connection) in fresh and storm.blows:
            fresh.discard(id(connection))
            storm.openings[statement.split("(")[0] + statement.rpartition(",")[2]] += 1


@pytest.mark.timeout(600)
async def test_whatever_is_cut_off_nothing_of_one_is_the_others(girih: Girih, tenants: tuple[Tenant, Tenant]) -> None:
    storm, engine = Storm(), engine_of(girih)
    with structlog.testing.capture_logs() as said:
        await the_storm(storm, girih, tenants)
    print(f"\n{storm.asked} requests, {storm.cut.total()} cut off: {dict(storm.cut)}; {dict(storm.statuses)}")
    assert storm.foreign == []
    assert 500 not in storm.statuses
    assert {way.__name__ for way in WAYS} == set(storm.cut)
    assert list(storm.openings) == ["SELECT set_config true)"], storm.openings
    await rows_are_their_writers(engine, tenants)
    # What is said to a caller who has gone fails, and that is all that does.
    faults = {line.get("error") for line in said if line["log_level"] in ("error", "critical")}
    assert faults <= {"OSError"}, faults


async def the_storm(storm: Storm, girih: Girih, tenants: tuple[Tenant, Tenant]) -> None:
    """Until all is calm again, and both are served as before."""
    engine = engine_of(girih)
    for tenant in tenants:
        tenant.key = (await girih.identity.create_key(tenant.scope, tenant.word, tenant.scope.permissions)).key
    listen(engine, storm)
    app = create_app(girih)
    async with served(app) as url:
        for tenant in tenants:
            files = {"talk.yaml": TALK, "shelf.yaml": SHELF, "curious.yaml": CURIOUS}
            first = Exchange(app, tenant, ("POST", "/v1/workspace/apply", {"files": files}))
            await first.run()
            assert first.status == 200, first.body
        before = len(asyncio.all_tasks())
        await asyncio.gather(*(blow(storm, app, url, tenants, number) for number in range(AT_ONCE)))
        storm.blows = False
        await calm(engine)
        await every_run_ends(girih, tenants)
        for tenant in tenants:
            for asked in (("POST", "/v1/threads", {"metadata": {"word": tenant.word}}), ("GET", "/v1/threads", None)):
                last = Exchange(app, tenant, asked)
                await last.run()
                assert last.status in (200, 201) and tenant.word.encode() in last.body, last
        assert len(asyncio.all_tasks()) <= before + 4, [task.get_name() for task in asyncio.all_tasks()]


async def calm(engine: AsyncEngine) -> None:
    """The pool is whole, and the server knows of no open transaction and no lock that anybody still holds."""
    pool: Any = engine.pool
    async with asyncio.timeout(30):
        while pool.checkedout():
            await asyncio.sleep(0.02)
    async with engine.connect() as looking, asyncio.timeout(10):
        # What works in the background may be between two statements; what was left behind stays.
        while left := (await looking.execute(LEFT)).all():
            assert not [row for row in left if row.age > 2], left
            await looking.rollback()
            await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        all_of_them = [await engine.connect() for _ in range(POOL)]
    for connection in all_of_them:
        said = await connection.scalar(text("SELECT coalesce(current_setting('app.org_id', true), '')"))
        assert said == "", "a connection still speaks for somebody"
        await connection.close()
    async with asyncio.timeout(10):
        while pool.checkedout():  # by what works in the background
            await asyncio.sleep(0.02)
    assert pool.size() == POOL and pool.overflow() <= 0


async def every_run_ends(girih: Girih, tenants: tuple[Tenant, Tenant]) -> None:
    """Also those whose callers were gone before they heard of them."""
    async with asyncio.timeout(240):
        for tenant in tenants:
            while await _open_runs(girih, tenant):
                await asyncio.sleep(0.1)


async def _open_runs(girih: Girih, tenant: Tenant) -> int:
    async with girih.identity._uow(tenant.scope) as work:
        statement = "SELECT count(*) FROM runs WHERE status NOT IN ('succeeded', 'failed', 'cancelled', 'expired')"
        return int(await work.session.scalar(text(statement)) or 0)


async def rows_are_their_writers(engine: AsyncEngine, tenants: tuple[Tenant, Tenant]) -> None:
    """No row of one holds the other's word, in any table there is."""
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    for tenant in tenants:
        assert tenant.other is not None
        async with uow(tenant.scope) as work:
            tables = await work.session.scalars(
                text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'")
            )
            own = set()
            for table in tables.all():
                query = text(f'SELECT count(*) FROM "{table}" AS r WHERE strpos(r::text, :word) > 0')
                assert not await work.session.scalar(query, {"word": tenant.other.word}), table
                assert not await work.session.scalar(query, {"word": str(tenant.other.scope.org_id)}), table
                if await work.session.scalar(query, {"word": tenant.word}):
                    own.add(table)
        assert {"runs", "run_events", "threads", "thread_states", "store_items", "secrets", "domain_events"} <= own
