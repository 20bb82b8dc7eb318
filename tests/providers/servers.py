"""Small real HTTP servers on a free port of the loopback: one that speaks OpenAI's protocol, one that says anything."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A running server: its address, what it was asked, and how it answers (one function a request, the last again)."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            asked = Asked(method, path, headers, body)
            self.asked.append(asked)
            await self.answers[min(len(self.asked), len(self.answers)) - 1](asked, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client went away, as some tests want it to
        finally:
            writer.close()


@asynccontextmanager
async def serving(*answers: Answer, tls: bool = False) -> AsyncIterator[Server]:
    """A server that gives these answers, on a free port; with `tls` behind a certificate that nobody knows."""
    server = Server(answers=list(answers))
    context = _unknown_certificate() if tls else None
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=context)
    scheme = "https" if tls else "http"
    server.url = f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()


def _unknown_certificate() -> ssl.SSLContext:
    """A certificate signed by itself, made for the occasion."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    return context


def says(status: int, body: bytes | str | dict[str, Any] = b"", **headers: str) -> Answer:
    """An answer with a status and a body."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}", "content-type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + data)

    return answer


def streams(*chunks: dict[str, Any] | str, pause: float = 0, finish: bool = True) -> Answer:
    """Server-sent events; a text is sent as it is. Without `finish` the connection ends before `[DONE]`."""

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for chunk in chunks:
            data = chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}\n\n"
            writer.write(data.encode())
            await writer.drain()
            await asyncio.sleep(pause)
        if finish:
            writer.write(b"data: [DONE]\n\n")

    return answer


async def hangs(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.sleep(30)


async def drips(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Sends a byte now and then, and never a whole event."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n: ")
    for _ in range(300):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.1)


async def breaks_off(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Promises more than it sends."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\nconnection: close\r\n\r\n"
    writer.write(head + b'{"name": ')


async def cuts(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Closes the connection in the middle of the headers."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")


def chunk(text: str | None = None, *, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """One `chat.completion.chunk`."""
    content = {"content": text} if text is not None else {}
    choice = {"index": 0, "delta": {"role": "assistant", **content, **delta}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "test-model", "choices": [choice]}


def used(read: int, written: int) -> dict[str, Any]:
    """The chunk that carries the usage."""
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {**chunk(), "choices": [], "usage": usage}
