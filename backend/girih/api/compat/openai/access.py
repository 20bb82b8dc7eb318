"""How requests come in: who may, how large they may be, and what each answer says in its headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Body, Header, Request, Response

from girih.api.deps import GuardedRoute, requires
from girih.db.tenancy import OrgScope
from girih.language.spec.tree import JsonValue

LIMIT = 32 * 1024 * 1024
"""Bytes of a request: messages may hold images."""
VERSION = "2020-10-01"
"""The version of OpenAI's API whose clients these are; it is the only one there is."""

Reader = Annotated[OrgScope, requires("agents:read")]
Runner = Annotated[OrgScope, requires("runs:create")]
Follower = Annotated[OrgScope, requires("runs:read")]
Canceller = Annotated[OrgScope, requires("runs:cancel")]
Asked = Annotated[JsonValue, Body()]
Thread = Annotated[str | None, Header(alias="x-girih-thread", max_length=100)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


class DoorRoute(GuardedRoute):
    """A route of this door."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            began = time.perf_counter()
            response = await answer(request)
            response.headers["openai-processing-ms"] = str(round((time.perf_counter() - began) * 1000))
            response.headers["openai-version"] = VERSION
            return response

        return handle

    def limit(self, request: Request) -> int:  # noqa: ARG002 - the same for all
        """The most bytes a request may carry here."""
        return LIMIT
