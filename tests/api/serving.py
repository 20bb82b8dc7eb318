"""An app behind a real socket, in this process and loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import uvicorn
from fastapi import FastAPI

from girih.api.heads import BoundedHttp


@asynccontextmanager
async def served(app: FastAPI, ws: Literal["none", "auto"] = "none", *, started: bool = False) -> AsyncIterator[str]:
    """Serve `app` on a free port; gives its URL. One that was `started` is neither started nor stopped by it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws=ws,
        http=BoundedHttp,
        lifespan="off" if started else "auto",
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listener]))
    while not server.started:
        if serving.done():
            serving.result()
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
