"""How requests come in: who may, how large they may be, and what each answer says in its headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any

from fastapi import Body, Header, Request, Response
from starlette.types import Scope

from girih.api.deps import GuardedRoute, requires
from girih.api.errors import BEGAN
from girih.db.tenancy import OrgScope
from girih.language.spec.tree import JsonObject, JsonValue

LIMIT = 32 * 1024 * 1024
"""Bytes of a request: messages may hold images."""
LASTING = frozenset({"insufficient_quota", "conflict", "thread_busy"})
"""Codes of errors that stay the same however soon the request is sent again, or as long as another run goes on."""
VERSION = "2020-10-01"
"""The version of OpenAI's API whose clients these are; it is the only one there is."""

Reader = Annotated[OrgScope, requires("agents:read")]
Runner = Annotated[OrgScope, requires("runs:create")]
Follower = Annotated[OrgScope, requires("runs:read")]
Canceller = Annotated[OrgScope, requires("runs:cancel")]
Asked = Annotated[JsonValue, Body()]
Thread = Annotated[str | None, Header(alias="x-girih-thread", max_length=100)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


def error_heads(scope: Scope, body: JsonObject) -> Mapping[str, str]:
    """The headers of an error: as every answer has them, and no retry where it cannot help.

    OpenAI's clients send again whatever answers 409 and 429 unless they are told not to.
    """
    error: JsonObject = body["error"]
    is_lasting = error["code"] in LASTING
    return _heads(scope) | ({"x-should-retry": "false"} if is_lasting else {})


def _heads(scope: Scope) -> dict[str, str]:
    took = time.perf_counter() - scope["state"][BEGAN]
    return {"openai-processing-ms": str(round(took * 1000)), "openai-version": VERSION}


class DoorRoute(GuardedRoute):
    """A route of this door."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            response = await answer(request)
            response.headers.update(_heads(request.scope))
            return response

        return handle

    def limit(self, request: Request) -> int:  # noqa: ARG002 - the same for all
        """The most bytes a request may carry here."""
        return LIMIT
