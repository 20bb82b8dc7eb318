"""How many people sign in a second, and what everybody else waits meanwhile: `python -m tests.benchmarks.sign_ins`."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from tests.api.process import api_process
from tests.conftest import fresh_database, make_scope
from tests.services.identity.people import PASSWORD, token_pem

from girih.db.base import new_id
from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.service import IdentityService

PAUSE = 0.01
"""Seconds between two health calls."""
ANY = "1000000"


@asynccontextmanager
async def server() -> AsyncIterator[tuple[str, str]]:
    """A real API process on a database of its own: its address, and a key."""
    async with fresh_database() as database:
        await upgrade(database.owner)
        engine = make_engine(database.app)
        uow = UnitOfWork(make_sessions(engine), lambda *_: None)
        scope: OrgScope = await make_scope(uow)
        key = (await IdentityService(uow).create_key(scope, "benchmark", scope.permissions)).key
        await engine.dispose()
        with tempfile.TemporaryDirectory() as folder:
            more = {"GIRIH_TOKEN_KEY": token_pem(), "GIRIH_GUESSES_PER_MINUTE": "10000"}
            more |= {"GIRIH_GUESSES_PER_MINUTE_PER_CLIENT": ANY, "GIRIH_LOG_LEVEL": "warning"}
            with api_process(database.app, Path(folder), **more) as api:
                yield api.url, key


async def health(client: httpx.AsyncClient, done: asyncio.Event) -> list[float]:
    """The milliseconds that each health call took until it is done."""
    took = []
    while not done.is_set():
        began = time.perf_counter()
        assert (await client.get("/healthz")).is_success
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(PAUSE)
    return took


async def during(client: httpx.AsyncClient, seconds: float) -> list[float]:
    """The same for so long."""
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    return await health(client, done)


def p95(took: list[float]) -> float:
    return statistics.quantiles(took, n=20)[-1]


async def measure(at_once: int, total: int) -> None:
    """Sign so many people in, so many of them at once, and say what was seen."""
    async with server() as (url, key):
        limits = httpx.Limits(max_connections=at_once + 2)
        # Health calls have a connection of their own: what waits in the client is none of the server's doing.
        async with (
            httpx.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False) as people,
            httpx.AsyncClient(base_url=url, timeout=120, trust_env=False) as other,
        ):
            email = f"{new_id()}@example.com"
            headers = {"authorization": f"Bearer {key}"}
            invited = await people.post("/v1/invitations", json={"email": email, "role": "viewer"}, headers=headers)
            body = {"token": invited.json()["token"], "name": "Ann", "password": PASSWORD}
            assert (await people.post("/v1/auth/accept", json=body)).status_code == 201
            quiet = await during(other, 3)
            done, left = asyncio.Event(), iter(range(total))

            async def sign_in() -> None:
                for _ in left:
                    answer = await people.post("/v1/auth/sign-in", json={"email": email, "password": PASSWORD})
                    assert answer.status_code == 200, answer.text

            watching = asyncio.create_task(health(other, done))
            began = time.perf_counter()
            await asyncio.gather(*(sign_in() for _ in range(at_once)))
            seconds = time.perf_counter() - began
            done.set()
            busy = await watching
    load = os.getloadavg()[0]
    print(
        f"{total} sign-ins, {at_once} at once: {total / seconds:.1f} a second ({os.cpu_count()} cores, load {load:.1f})"
    )
    print(
        f"/healthz, p95: {p95(quiet):.1f} ms before ({len(quiet)} calls), {p95(busy):.1f} ms meanwhile ({len(busy)} calls)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--total", type=int, default=300)
    given = parser.parse_args()
    asyncio.run(measure(given.at_once, given.total))


if __name__ == "__main__":
    main()
