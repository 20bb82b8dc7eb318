"""A real MCP server on a free port of the loopback: the official SDK's own, over streamable HTTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel


class Weather(BaseModel):
    """What the tool gives."""

    town: str
    maxTemp: float


@dataclass
class Standing:
    """The server: its address, the headers of what it was asked, and the SDK's object, to change its tools."""

    url: str
    server: MCPServer[Any]
    asked: list[dict[str, str]] = field(default_factory=list)


def weather_server() -> MCPServer[Any]:
    """Four tools: one typed, one that gives what it likes, one that gives texts, one that fails."""
    server: MCPServer[Any] = MCPServer("weather")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    async def forecast(townName: str, days: int = 1) -> Weather:
        """The weather of a town."""
        return Weather(town=townName, maxTemp=20.5 + days)

    @server.tool()
    async def counts() -> dict[str, int]:
        """Whatever there is, by a name of its own."""
        return {"stormDays": 3}

    @server.tool(structured_output=False)
    async def say(words: list[str]) -> str:
        """Say it."""
        return " ".join(words)

    @server.tool()
    async def fail() -> str:
        """Always fails."""
        raise ToolError("the sky is falling")

    return server


@asynccontextmanager
async def mcp_serving(**options: Any) -> AsyncIterator[Standing]:
    """The server, begun; `options` as the SDK's `streamable_http_app` takes them."""
    server = weather_server()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        standing = Standing(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", server)
        app = _noting(server.streamable_http_app(**options), standing)
        config = uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=1, ws="none")
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve([listening]))
        while not running.started:
            await asyncio.sleep(0.01)
        try:
            yield standing
        finally:
            running.should_exit = True
            await task


def _noting(app: Any, standing: Standing) -> Callable[..., Awaitable[None]]:
    async def noted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            standing.asked.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await app(scope, receive, send)

    return noted
