"""Measures what it costs to ask who calls and what he may: the same answer with and without, by processor time.

`python -m tests.benchmarks.authorization [REQUESTS]` (4,000): an API key, and a person's access token, beside a public
route, in turns, within one process on a database of its own. The time is that of the whole request up to its answer.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
from fastapi import FastAPI
from tests.api.conftest import client_of, settings_for
from tests.conftest import fresh_database, make_scope

from girih.api.app import create_app
from girih.api.deps import GuardedRoute, public, requires
from girih.api.routers import Router
from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

ROUNDS = 20
PASSWORD = "a benchmark's long password"


def app_of(girih: Girih) -> FastAPI:
    """The application, and two routes more that do nothing: one for all, and one for who may read agents."""
    router = Router(route_class=GuardedRoute)

    @router.get("/open", dependencies=[public])
    async def open_to_all() -> dict[str, bool]:
        return {"ok": True}

    @router.get("/guarded", dependencies=[requires("agents:read")])
    async def guarded() -> dict[str, bool]:
        return {"ok": True}

    app = create_app(girih)
    app.include_router(router)
    return app


async def token_of_a_person(app: FastAPI, key: str) -> str:
    """The access token of a new owner of the key's organization."""
    wanted = {"email": "somebody@example.com", "role": "owner"}
    invited = (await client_of(app, key).post("/v1/invitations", json=wanted)).json()
    body = {"token": invited["token"], "name": "Somebody", "password": PASSWORD}
    signed_in = (await client_of(app, None).post("/v1/auth/accept", json=body)).json()
    return str(signed_in["access_token"])


async def spent(client: httpx.AsyncClient, path: str, requests: int) -> float:
    """Microseconds of processor time a request."""
    before = time.process_time()
    for _ in range(requests):
        answer = await client.get(path)
    assert answer.is_success, answer.text
    return (time.process_time() - before) / requests * 1e6


async def measure(girih: Girih, scope: OrgScope, requests: int) -> None:
    """Prints the table: medians of rounds that take turns."""
    app = app_of(girih)
    key = (await girih.identity.create_key(scope, "benchmark", PERMISSIONS)).key
    callers = {
        "nobody, a public route": ("/open", client_of(app, None)),
        "an API key": ("/guarded", client_of(app, key)),
        "a person's access token": ("/guarded", client_of(app, await token_of_a_person(app, key))),
    }
    found: dict[str, list[float]] = {name: [] for name in callers}
    for _ in range(ROUNDS):
        for name, (path, client) in callers.items():
            found[name].append(await spent(client, path, requests // ROUNDS))
    least = median(next(iter(found.values())))
    print("| who asks | CPU per request, ms | of which authorization |\n|---|---:|---:|")
    for name, times in found.items():
        print(f"| {name} | {median(times) / 1000:.2f} | {(median(times) - least) / 1000:.2f} |")


async def main(requests: int) -> None:
    """Make a database, measure."""
    async with fresh_database() as database:
        await upgrade(database.owner)
        engine = make_engine(database.app, pool_size=2)
        scope = await make_scope(UnitOfWork(make_sessions(engine), lambda *_: None))
        with tempfile.TemporaryDirectory() as folder:
            settings = settings_for(database.app, Path(folder), public_url="https://girih.test")
            async with open_girih(settings) as girih:
                await measure(girih, scope, requests)
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*[int(given) for given in sys.argv[1:2]] or [4_000]))
