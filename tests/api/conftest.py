"""The real app over the session's database, and clients of two organizations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.api.process import MASTER_KEY
from tests.services.identity.people import token_pem

from girih.api.app import create_app
from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS
from girih.services.knowledge.lanes import LANES
from girih.settings import Settings
from girih.wiring.server import Girih, open_girih

HELLO = """\
kind: graph/v1
name: hello
inputs:
  question: { type: string, minLength: 1 }
use:
  model: model://default
nodes:
  answer:
    llm: model
    prompt: "${ inputs.question }"
    next: $end
outputs:
  text: "${ answer.text }"
"""
SHELF = """\
kind: collection/v1
name: shelf
description: Books
embedder: hashing
"""
CURIOUS = """\
kind: graph/v1
name: curious
nodes:
  both:
    parallel: [one, other]
    join: all
    next: $end
  one:
    ask: { message: What is it? }
  other:
    ask: { message: And what more? }
outputs:
  said: "${ one.answer }"
  more: "${ other.answer }"
"""
WORKSPACE = {"hello.yaml": HELLO, "collections/shelf.yaml": SHELF}

Client = httpx.AsyncClient


def settings_for(database_url: str, data_dir: Path, **more: object) -> Settings:
    """Settings as an operator without a provider's key would have them."""
    return Settings.model_validate(
        {
            "database_url": database_url,
            "data_dir": data_dir,
            "OPENAI_API_KEY": "",
            "OPENAI_BASE_URL": "",
            "embedder": "hashing",
            "max_upload_mb": 1,
            "master_key": MASTER_KEY,
            "token_key": token_pem(),
            **more,
        }
    )


@pytest.fixture(scope="module")
async def girih(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Girih]:
    # No longer than a module: its reconciler would take over the orphaned runs that tests of other rooms make.
    async with open_girih(settings_for(database_url, tmp_path_factory.mktemp("girih"))) as girih:
        yield girih


@pytest.fixture(scope="module")
async def app(girih: Girih) -> AsyncIterator[FastAPI]:
    app = create_app(girih)
    async with app.router.lifespan_context(app):
        yield app


ClientMaker = Callable[..., Awaitable[Client]]


def client_of(app: FastAPI, key: str | None) -> Client:
    """A client with a key, or without."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return Client(transport=httpx.ASGITransport(app), base_url="http://girih.test", headers=headers, timeout=30)


@pytest.fixture
def client_for(girih: Girih, app: FastAPI) -> ClientMaker:
    """Makes a client that speaks for a scope, with all permissions or some."""

    async def make(scope: OrgScope, permissions: frozenset[str] = PERMISSIONS) -> Client:
        made = await girih.identity.create_key(scope, "test", permissions)
        return client_of(app, made.key)

    return make


@pytest.fixture
async def client(client_for: ClientMaker, scope: OrgScope) -> Client:
    return await client_for(scope)


@pytest.fixture
def anonymous(app: FastAPI) -> Client:
    return client_of(app, None)


@pytest.fixture
async def published(client: Client) -> Client:
    """The client of an organization where `hello` and `shelf` are published."""
    answer = await client.post("/v1/workspace/apply", json={"files": WORKSPACE})
    assert answer.status_code == 200, answer.text
    return client


@pytest.fixture
def work(girih: Girih) -> Callable[[], Awaitable[None]]:
    """Does what the worker would: every ingestion that waits."""

    async def ingest_all() -> None:
        for lane in LANES:
            while (held := await girih.knowledge.ingestion.next(lane)) is not None:
                await girih.knowledge.ingestion.work(held)

    return ingest_all


def upload(text: bytes | str, name: str = "book.md") -> dict[str, tuple[str, bytes, str]]:
    """The `files` of an upload."""
    data = text.encode() if isinstance(text, str) else text
    return {"file": (name, data, "application/octet-stream")}


def is_problem(answer: httpx.Response, status: int, code: str | None = None) -> dict[str, object]:
    """Assert that the answer is a problem of that status (and code), fit for strangers' eyes; gives its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["status"] == status
    assert body["detail"]
    assert body["error_id"] == answer.headers["x-request-id"]
    if code is not None:
        assert body["code"] == code
    for leak in ("Traceback", "site-packages", "sqlalchemy", "asyncpg", "postgresql://", "SELECT "):
        assert leak not in answer.text
    return body
