"""One call of one operation, and what its answer is compared by."""

from __future__ import annotations

import re
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import Engine, event
from tests.api.test_matrix import BODIES, NAMES, OF_NO_THING, PARAMETERS, TUS
from tests.api.test_openapi import operations
from tests.security.places import Place, Speaker

from girih.api.deps import ACCOUNT, PUBLIC, declarations
from girih.db.direct import DirectPool

_SAID: ContextVar[list[str] | None] = ContextVar("_SAID", default=None)
_OPENS = re.compile(r"\bopen_(\w+_)?run\b")
"""The functions of the database that runs begin with."""

FOLLOWING = frozenset({"follow_run", "follow_collection", "follow_document", "follow_sync", "follow_run_by_socket"})
"""What goes on for as long as there is something to tell."""


@dataclass(frozen=True)
class Operation:
    """A route: as the description names it, or (a door's) by its method and path."""

    name: str
    method: str
    path: str
    permission: str
    described: dict[str, Any] | None = None

    @property
    def names_a_thing(self) -> bool:
        """Whether something of somebody else's can be named in its path."""
        named = set(re.findall(r"{(\w+)", self.path))
        return self.name not in OF_NO_THING and bool(named - {"alias"})

    @property
    def of_the_name(self) -> str:
        """The name of what its path is about, in the shared words."""
        return next((name for kind, name in NAMES.items() if f"/{kind}/" in self.path), "hello")

    def arguments(self) -> dict[str, Any]:
        """What it is called with, besides what its path names."""
        if self.described is None:
            return {"headers": TUS} if self.method == "HEAD" else {} if self.method == "GET" else {"json": {}}
        if "requestBody" in self.described:
            return BODIES[self.name]
        return PARAMETERS.get(self.name, {})


def described(app: FastAPI) -> list[Operation]:
    """Every operation of the description."""
    return [
        Operation(operation["operationId"], method.upper(), path, operation["x-permission"], operation)
        for path, method, operation in operations(app.openapi())
    ]


def of_doors(app: FastAPI) -> list[Operation]:
    """Every other route that asks who calls, a route of several methods by its last one."""
    known = {f"{one.method} {one.path}" for one in described(app)}
    found = []
    for name, permission in declarations(app):
        methods, _, path = name.partition(" ")
        is_new = name not in known and permission not in (PUBLIC, ACCOUNT, None)
        if is_new and methods:  # a WebSocket has no method: `test_doors` opens it
            found.append(Operation(name, methods.split(",")[-1], path, str(permission)))
    return found


@dataclass(frozen=True)
class Answer:
    """What came, and which statements the database was asked."""

    response: httpx.Response
    statements: tuple[str, ...]

    @property
    def has_run(self) -> bool:
        """Whether an agent was made to run."""
        return any(_OPENS.search(statement) for statement in self.statements)

    @property
    def status(self) -> int:
        """Its status."""
        return self.response.status_code

    @property
    def text(self) -> str:
        """All of it: headers and body."""
        return f"{self.response.headers} {self.response.text}"


def _note(_: Any, __: Any, statement: str, *___: Any) -> None:
    said = _SAID.get()
    if said is not None:
        said.append(statement)


event.listen(Engine, "before_cursor_execute", _note)


async def noted(pool: DirectPool, statement: str, given: Any, _fetch: Any = DirectPool._fetch) -> Any:
    """What `DirectPool._fetch` does, with the statement noted: it takes the short way past SQLAlchemy."""
    _note(None, None, statement)
    return await _fetch(pool, statement, given)


async def ask(client: Speaker, operation: Operation, name: str, ids: dict[str, str], **more: Any) -> Answer:
    """Call an operation about the thing of that name, or those with these ids. To be called in a task of its own."""
    said: list[str] = []
    _SAID.set(said)
    path = operation.path.replace(":path}", "}").format_map(_Ids(ids, name))
    response = await client.request(operation.method, path, **{**operation.arguments(), **more})
    return Answer(response, tuple(said))


class _Ids(dict[str, str]):
    """What stands for the parameters of paths; for one that no thing here has, the name."""

    def __init__(self, ids: dict[str, str], name: str) -> None:
        super().__init__(ids)
        self._name = name

    def __missing__(self, key: str) -> str:
        return self._name


def more_asked(one: Answer, other: Answer) -> list[str]:
    """The statements that only one of two answers took, by what they begin with and the tables they name."""
    counts = Counter(one.statements), Counter(other.statements)
    differing = (counts[0] - counts[1]) + (counts[1] - counts[0])
    return [" ".join([said.split()[0], *re.findall(r"(?:FROM|JOIN|INTO|UPDATE) (\w+)", said)]) for said in differing]


def masked(answer: Answer, words: list[str]) -> tuple[object, ...]:
    """An answer without the caller's own words and what each request has of its own: equal for equal answers."""
    text = answer.response.text.replace(answer.response.headers["x-request-id"], "")
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "·")
    changing = {"x-request-id", "content-length", "openai-processing-ms"}
    headers = sorted((name, value) for name, value in answer.response.headers.items() if name not in changing)
    return answer.status, text, headers


def marks_in(answer: Answer, foreign: list[Place], places: tuple[Place, ...]) -> list[str]:
    """The foreign places whose marks stand in an answer; and any whose secret does."""
    text = answer.text
    return [place.name for place in places if (place in foreign and place.mark in text) or place.secret in text]
