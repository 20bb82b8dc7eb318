"""A real server and a real worker with a broker that anybody writes to: messages are hints, and secrets stay away."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis
from tests.api.process import ApiProcess, api_process, environment
from tests.api.test_canaries import CANARY, GRAPH, SHELF, TOLD, TOOL, echo, forms, holding
from tests.conftest import make_scope
from tests.providers.servers import serving
from tests.worker.conftest import kill

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.valkey import ValkeyServer, start_valkey
from girih.jobs import RUN, RUN_QUEUE
from girih.services.identity.service import IdentityService

ROOT = Path(__file__).parents[2]
WATCHED = """
import sys
sys.path[:0] = [{root!r}, {backend!r}]
from tests.watched import watching
import kombu.transport.redis, girih.worker.running, yaml
with watching("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn") as watch:
    from girih.launch import launch
    code = launch("girih.worker.process")
open({told!r}, "w").write(repr([event for event in watch.seen if not event.files[0].endswith({own!r})]))
sys.exit(code)
"""
"""The worker as operators start it, with somebody who writes down what it executes."""
OWN = "celery/utils/serialization.py"
"""Celery tries whether faults of its tasks can be pickled, by pickling its own; nothing of a message comes there."""


class Trap:
    """What a pickle of it does when it is revived."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.trace)!r}, 'w')",)


def message(body: bytes, content: str = "application/json", encoding: str = "utf-8", **headers: Any) -> bytes:
    """A message as it lies in the broker."""
    number = str(uuid4())
    about = {
        "lang": "py",
        "task": RUN,
        "id": number,
        "root_id": number,
        "argsrepr": "()",
        "kwargsrepr": "{}",
        **headers,
    }
    told = {
        "correlation_id": number, "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": RUN_QUEUE},
        "priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid4()), "reply_to": None,
    }  # fmt: skip
    coded = base64.b64encode(body).decode()
    said = {"body": coded, "content-type": content, "content-encoding": encoding, "headers": about, "properties": told}
    return json.dumps(said).encode()


def call(*args: Any, **named: Any) -> bytes:
    return json.dumps([args, named, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()


def forged(run: str, foreign: OrgScope, trace: Path) -> list[bytes]:
    """Messages of somebody who got at the broker, about a run that is there."""
    trap, yaml = pickle.dumps(Trap(trace)), f"!!python/object/apply:os.system ['touch {trace}']".encode()
    org = str(foreign.org_id)
    constructor = {"lc": 2, "type": "constructor", "id": ["os", "system"], "args": [f"touch {trace}"]}
    return [
        message(trap, "application/x-python-serialize", "binary"),
        message(trap, "application/x-python-serialize", "binary", task="celery.chain"),
        message(yaml, "application/x-yaml"),
        message(b"\x81\xa1x\xc7\x00\x09", "application/x-msgpack", "binary"),
        message(trap),
        message(call(run, org_id=org)),
        message(call(run, org)),
        message(call(run), org_id=org, project_id=str(foreign.project_id)),
        message(call("' OR 1=1 --")),
        message(call(constructor)),
        message(call(["x"] * 100)),
        message(call("x" * 8_000_000)),
        message(b"[" * 100_000),
        message(b'["\\ud800", NaN'),
        message(call(), task="celery.backend_cleanup"),
        message(call(constructor), task="celery.map"),
        message(call(), task="os.system"),
        message(call(run), expires="never", eta="long ago", timelimit=["a", "b"], retries="x"),
    ]


@dataclass
class Town:
    """A server, a worker and their broker, with two organizations."""

    api: ApiProcess
    worker: subprocess.Popen[bytes]
    broker: ValkeyServer
    folder: Path


@contextmanager
def worker_process(database_url: str, folder: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    program = WATCHED.format(root=str(ROOT), backend=str(ROOT / "backend"), told=str(folder / "executed"), own=OWN)
    settings = environment(database_url, folder / "data", GIRIH_WORKER_ROLES="runs", **more)
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", program], env=settings, stdout=log, stderr=log)
    try:
        yield process
    finally:
        kill(process)


@pytest.fixture
async def town(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    broker = start_valkey(tmp_path / "valkey")
    try:
        async with serving(echo) as service:
            more = {
                "GIRIH_REDIS_URL": broker.url,
                "GIRIH_ENDPOINTS": json.dumps({"echo": service.url}),
                "GIRIH_LOG_LEVEL": "debug",
            }
            with (
                api_process(database_url, tmp_path, **more) as api,
                worker_process(database_url, tmp_path, **more) as worker,
            ):
                yield Town(api, worker, broker, tmp_path)
    finally:
        broker.stop()


async def ended(http: httpx.AsyncClient, run: str) -> dict[str, Any]:
    async with asyncio.timeout(120):
        while True:
            found: dict[str, Any] = (await http.get(f"/v1/runs/{run}")).json()
            if found["status"] in ("succeeded", "failed", "cancelled", "expired"):
                return found
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
async def test_messages_of_anybody_are_hints_and_secrets_are_nowhere(
    town: Town, uow: UnitOfWork, scope: OrgScope, owner_database_url: str
) -> None:
    foreign = await make_scope(uow)
    key = (await IdentityService(uow).create_key(scope, "town", scope.permissions)).key
    queue, trace = redis.Redis.from_url(town.broker.url), town.folder / "executed-by-worker"
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=town.api.url, headers=headers, timeout=60, trust_env=False) as http:
        await http.put("/v1/secrets/canary.key", json={"value": CANARY})
        files = {"tool.yaml": TOOL, "graph.yaml": GRAPH, "shelf.yaml": SHELF}
        assert (await http.post("/v1/workspace/apply", json={"files": files})).is_success
        asked = {"agent": "canaries", "inputs": {"how": "well"}, "background": True}
        first = (await http.post("/v1/runs", json=asked | {"after_seconds": 2})).json()
        messages = forged(first["id"], foreign, trace)
        for one in messages:
            queue.lpush(RUN_QUEUE, one)
        assert (await ended(http, first["id"]))["status"] == "succeeded"
        again = (await http.post("/v1/runs", json=asked)).json()
        told = await ended(http, again["id"])
        assert told["status"] == "succeeded" and TOLD in json.dumps(told)
        async with asyncio.timeout(120):
            while queue.llen(RUN_QUEUE):
                await asyncio.sleep(0.1)
        kept = b"\n".join(dump for name in queue.keys("*") if (dump := queue.dump(name)))
    assert town.worker.poll() is None, (town.folder / "worker.log").read_text()[-3000:]
    town.worker.send_signal(signal.SIGTERM)
    assert town.worker.wait(60) == 0
    town.api.stop()
    assert not trace.exists()
    assert (town.folder / "executed").read_text() == "[]"
    assert not await holding(owner_database_url, foreign, forms(first["id"]))
    files_left = {path.name: path.read_bytes() for path in town.folder.rglob("*") if path.is_file()}
    assert {"worker.log"} <= set(files_left)
    for form in (*forms(CANARY), key, key.rpartition("_")[2]):
        assert [name for name, content in files_left.items() if form.encode() in content] == []
        assert form.encode() not in kept
    assert not await holding(owner_database_url, scope, [*forms(CANARY), *forms(key)])
    print(f"\n{len(messages)} forged messages")
