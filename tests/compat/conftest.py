"""A server process of its own for the clients of other projects, with agents, a key and the hashing embedder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient
from tests.api.process import api_process
from tests.compat.langgraph_clients import opened
from tests.compat.shop import Shop, open_shop
from tests.conftest import fresh_database, make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService

AGENTS = Path(__file__).parent / "agents"


@dataclass(frozen=True)
class Served:
    """A server process: where it is, and a key that may do everything in a project of its own."""

    url: str
    key: str
    database_url: str
    scope: OrgScope | None = None

    def client(self, **headers: str) -> httpx.Client:
        """A plain HTTP client with the key."""
        return httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {self.key}", **headers},
            timeout=60,
            trust_env=False,
        )


@pytest.fixture(scope="session")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The server, with every agent of `agents/` published."""
    async with _serving(tmp_path_factory.mktemp("compat")) as served:
        yield served


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    """A service that tools call and webhooks tell."""
    with open_shop() as shop:
        yield shop


@pytest.fixture(scope="session")
async def trading(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server of its own that the shop is bound to."""
    async with _serving(tmp_path_factory.mktemp("trading"), GIRIH_ENDPOINTS=shop.bound) as served:
        yield served


@asynccontextmanager
async def _serving(folder: Path, **settings: str) -> AsyncIterator[Served]:
    """A server with every agent.

    Its database is its own: it lives to the end of the session, and does whatever it finds to be done there.
    """
    async with fresh_database() as database:
        await upgrade(database.owner)
        engine = make_engine(database.app)
        uow = UnitOfWork(make_sessions(engine), lambda *_: None)
        scope = await make_scope(uow)
        key = (await IdentityService(uow).create_key(scope, "clients", PERMISSIONS)).key
        await engine.dispose()
        with api_process(database.app, folder, **settings) as api:
            served = Served(api.url, key, database.app, scope)
            publish(served, AGENTS)
            yield served


@pytest.fixture(scope="session")
async def stranger(served: Served) -> AsyncIterator[Served]:
    """The same server with the key of another organization, which must never see anything of the first."""
    engine = make_engine(served.database_url)
    try:
        uow = UnitOfWork(make_sessions(engine), lambda *_: None)
        key = (await IdentityService(uow).create_key(await make_scope(uow), "strangers", PERMISSIONS)).key
        yield Served(served.url, key, served.database_url)
    finally:
        await engine.dispose()


@pytest.fixture(scope="session")
def lang(served: Served) -> Iterator[SyncLangGraphClient]:
    """LangGraph's client without an event loop."""
    with opened(served.url, served.key) as client:
        yield client


@pytest.fixture(scope="session")
def strange(stranger: Served) -> Iterator[SyncLangGraphClient]:
    """The same client of another organization."""
    with opened(stranger.url, stranger.key) as client:
        yield client


@pytest.fixture(scope="session")
async def alang(served: Served) -> AsyncIterator[LangGraphClient]:
    """LangGraph's client for an event loop."""
    async with get_client(url=f"{served.url}/langgraph", api_key=served.key) as client:
        yield client


@pytest.fixture(scope="session")
def plain(served: Served) -> Iterator[httpx.Client]:
    """A plain HTTP client with the key."""
    with served.client() as client:
        yield client


def publish(served: Served, folder: Path) -> None:
    """Publish all specs of a folder."""
    files = {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.yaml"))}
    with served.client() as client:
        answer = client.post("/v1/workspace/apply", json={"files": files})
    assert answer.status_code == 200, answer.text
