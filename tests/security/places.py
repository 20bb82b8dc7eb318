"""Two organizations with everything in them, one of them with a second project, each thing marked as whose it is."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from tests.api.conftest import WORKSPACE, settings_for
from tests.api.test_matrix import things
from tests.conftest import make_scope

from girih.api.app import create_app
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS
from girih.services.knowledge.lanes import LANES
from girih.wiring.server import Girih, open_girih

WORDS = ("hello", "curious", "shelf", "careful", "lookup", "writer", "caller", "crm.key", "by day", "pages")
"""The names in what every operation is called with; each place has names of its own in their stead."""

LETTERS = {"home": "abcd", "cellar": "jkmn", "away": "wxyz", "attic": "efgh"}
"""What the names of a place are made of: no name of one is like one of another, so that none is guessed at."""

NOTHING = "qrstqrst-qqqq-rrrr"
"""A name that nothing has, as long as those are."""


class Speaker(httpx.AsyncClient):
    """A client that says the names of a place where the shared bodies say `hello`, `shelf` and so on."""

    def __init__(self, app: FastAPI, words: dict[str, str], headers: dict[str, str]) -> None:
        super().__init__(transport=httpx.ASGITransport(app), base_url="http://girih.test", headers=headers, timeout=60)
        self._words = words
        self._found = re.compile("|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w-])" for word in words))

    async def request(self, method: str, url: Any, **arguments: Any) -> httpx.Response:
        """As its parent does, in the place's own words."""
        spoken = {name: self.spoken(value) for name, value in arguments.items()}
        return await super().request(method, self.spoken(url), **spoken)

    def spoken(self, value: Any) -> Any:
        """The value with the place's own names."""
        if isinstance(value, str):
            return self._found.sub(lambda match: self._words[match[0]], value)
        if isinstance(value, bytes):
            return self.spoken(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        if isinstance(value, dict):
            return {self.spoken(key): self.spoken(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.spoken(item) for item in value)
        return value


@dataclass(frozen=True)
class Place:
    """A project of an organization, what is in it by the parameter that names it, and the mark that all of it bears."""

    name: str
    scope: OrgScope
    mark: str
    words: dict[str, str]
    owner: Speaker
    ids: dict[str, str]

    @property
    def secret(self) -> str:
        """The value of its secret."""
        return f"secret-{self.mark}"

    def absent(self) -> dict[str, str]:
        """Ids and names that nothing has, of the same form, for the same parameters."""
        ids = {name: re.sub(_NUMBER, lambda found: _random(found[0]), known) for name, known in self.ids.items()}
        return {**ids, "secret": NOTHING, "role": NOTHING, "alias": NOTHING, "session_id": str(uuid4())}

    def says(self, text: str) -> bool:
        """Whether something of this place stands in a text."""
        return self.mark in text


@dataclass(frozen=True)
class World:
    """A server, and who is on it: `home` and `cellar` are projects of one organization, `away` is of another."""

    girih: Girih
    app: FastAPI
    home: Place
    cellar: Place
    away: Place
    database_url: str

    @property
    def places(self) -> tuple[Place, ...]:
        """All of them."""
        return self.home, self.cellar, self.away

    def speaker(self, place: Place, shown: str | None, **headers: str) -> Speaker:
        """A client of somebody who shows a key or a token, in the words of a place."""
        more = {"authorization": f"Bearer {shown}"} if shown else {}
        return Speaker(self.app, place.words, more | headers)


_NUMBER = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


def _random(like: str) -> str:
    return str(uuid4()) if "-" in like else uuid4().hex


def words_of(name: str, mark: str) -> dict[str, str]:
    """What the names of the shared bodies are in a place, and the mark for its texts."""
    letters = LETTERS[name]
    own = {word: "-".join([letters * 2, letters[i % 4] * 4, letters[i // 4] * 4]) for i, word in enumerate(WORDS)}
    coded = base64.b64encode(own["shelf"].encode()).decode()
    texts = {word: f"{word} {mark}" for word in ("Books", "What is it?", "Lamps", "Looks up")}
    return {**own, **texts, "c2hlbGY=": coded, "canary": f"secret-{mark}"}


@asynccontextmanager
async def open_world(database_url: str, folder: Path, **settings: object) -> AsyncIterator[World]:
    """The server with all three places."""
    engine = make_engine(database_url)
    uow = UnitOfWork(make_sessions(engine), lambda *_: None)
    home, away = await make_scope(uow), await make_scope(uow)
    await engine.dispose()
    async with open_girih(settings_for(database_url, folder, **settings)) as girih:
        app = create_app(girih)
        async with app.router.lifespan_context(app):
            at_home = await filled(girih, app, "home", home)
            made = await at_home.owner.post("/v1/projects", json={"name": "cellar"})
            cellar = await filled(girih, app, "cellar", replace(home, project_id=UUID(made.json()["id"])))
            yield World(girih, app, at_home, cellar, await filled(girih, app, "away", away), database_url)


async def filled(girih: Girih, app: FastAPI, name: str, scope: OrgScope) -> Place:
    """A place with one of each thing."""
    mark = f"mark{uuid4().hex}"
    words = words_of(name, mark)
    key = (await girih.identity.create_key(scope, "test", PERMISSIONS)).key
    owner = Speaker(app, words, {"authorization": f"Bearer {key}"})
    assert (await owner.post("/v1/workspace/apply", json={"files": WORKSPACE})).is_success
    ids = await things(owner, ingesting(girih))
    await _mark(owner, ids, mark)
    run = (await owner.post("/v1/runs/wait", json={"agent": "hello", "inputs": {"question": mark}})).json()
    checkpoints = (await owner.get(f"/v1/runs/{run['id']}/checkpoints")).json()
    state = (await owner.get(f"/v1/threads/{ids['thread_id']}/state")).json()
    ids |= {
        "checkpoint_id": checkpoints["items"][0]["id"],
        "state_id": state["id"],
        "project": name,
        "organization": str(scope.org_id),
    }
    return Place(name, scope, mark, words, owner, {**ids, "secret": words["crm.key"], "role": words["caller"]})


def ingesting(girih: Girih) -> Callable[[], Awaitable[None]]:
    """Does what the worker would: every ingestion that waits."""

    async def work() -> None:
        for lane in LANES:
            while (held := await girih.knowledge.ingestion.next(lane)) is not None:
                await girih.knowledge.ingestion.work(held)

    return work


async def _mark(owner: Speaker, ids: dict[str, str], mark: str) -> None:
    """Write the mark wherever a text can be written."""
    said: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", f"/v1/runs/{ids['run_id']}", {"metadata": {"of": mark}, "tags": [mark]}),
        ("PATCH", f"/v1/threads/{ids['thread_id']}", {"metadata": {"of": mark}}),
        ("PATCH", f"/v1/schedules/{ids['schedule_id']}", {"metadata": {"of": mark}}),
        ("PATCH", f"/v1/documents/{ids['document_id']}", {"metadata": {"of": mark}}),
        ("PATCH", f"/v1/data-stores/{ids['data_store_id']}", {"name": mark}),
        ("PUT", "/v1/store/items", {"namespace": ["a"], "key": mark, "value": {"of": mark}}),
        ("POST", "/v1/events", {"type": "order.paid", "data": {"of": mark}}),
        ("POST", "/v1/keys", {"name": mark, "permissions": ["agents:read"]}),
        ("POST", "/v1/invitations", {"email": f"{mark}@example.com", "role": "viewer"}),
        ("PUT", "/v1/models/writer/binding", {"provider": "demo", "model": mark}),
        ("POST", "/v1/runs/wait", {"agent": "hello", "inputs": {"question": mark}, "user": mark}),
    ]
    for method, path, body in said:
        answer = await owner.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.text}"
