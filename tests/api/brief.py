"""A way to the app that reads of a stream its beginning only, as a client does that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import httpx
from fastapi import FastAPI

Message = MutableMapping[str, Any]
STREAMS = b"text/event-stream"


class Brief(httpx.AsyncBaseTransport):
    """Answers end when they end; an event stream, once it has begun and been silent for `patience` seconds."""

    def __init__(self, app: FastAPI, patience: float = 0.05) -> None:
        self._app = app
        self._patience = patience

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body, gone = await request.aread(), asyncio.Event()
        started: list[Message] = []
        pieces: list[bytes] = []
        begun: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            if begun:
                return begun.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                if STREAMS in dict(message["headers"]).get(b"content-type", b""):
                    asyncio.get_running_loop().call_later(self._patience, gone.set)
            else:
                pieces.append(message.get("body", b""))

        await self._app(_scope(request), receive, send)
        first, stream = started[0], httpx.ByteStream(b"".join(pieces))
        return httpx.Response(first["status"], headers=first["headers"], stream=stream)


def _scope(request: httpx.Request) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
