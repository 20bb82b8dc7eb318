"""A light load generator: keeps N streams open over plain sockets and times what comes back."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

FRESH = "00000000-0000-4000-8000-000000000000"
"""Stands in a request for an id that is new with each run."""
ENDED = re.compile(rb"event: run\.finished")
KEPT = 4_000
"""So many of a stream's last bytes are looked at for its end."""


@dataclass
class Figures:
    """What a load run measured; times in seconds."""

    runs: int = 0
    seconds: float = 0.0
    firsts: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Runs a second."""
        return self.runs / self.seconds

    @property
    def first_ms(self) -> float:
        """Median time to the first event in milliseconds."""
        return statistics.median(self.firsts) * 1000

    def add(self, more: Figures) -> None:
        """Count a later measurement of the same in."""
        self.runs += more.runs
        self.seconds += more.seconds
        self.firsts += more.firsts


@dataclass(frozen=True)
class Target:
    """Where a run is asked for, and what its stream has to end with.

    `before` are requests that are answered whole before each run: a path and a body. `FRESH` in a path or a body is
    another id with each run.
    """

    port: int
    path: str
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    before: tuple[tuple[str, Mapping[str, object]], ...] = ()
    ended: re.Pattern[bytes] = ENDED
    """What is found among a stream's last bytes where the run came to a good end."""

    def requests(self) -> list[bytes]:
        """The HTTP requests of one run, ready to be sent."""
        return [self._request(path, body) for path, body in (*self.before, (self.path, self.body))]

    def _request(self, path: str, given: Mapping[str, object]) -> bytes:
        body = json.dumps(given).encode()
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Content-Type: application/json",
            "Accept: text/event-stream, application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Client:
    """One connection that asks for one run after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target) -> None:
        self._reader = reader
        self._writer = writer
        self._target = target
        self._requests = target.requests()

    async def run(self) -> float:
        """Ask for one run and read it to its end; returns the time to the first event in seconds."""
        fresh = str(uuid.uuid4()).encode()
        requests = [request.replace(FRESH.encode(), fresh) for request in self._requests]
        started = time.perf_counter()
        for request in requests[:-1]:
            await self._answer(request, started)
        first, tail = await self._answer(requests[-1], started)
        if not self._target.ended.search(tail):
            raise RuntimeError(f"the run did not finish: {tail.decode(errors='replace')}")
        return first

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def _answer(self, request: bytes, started: float) -> tuple[float, bytes]:
        """When the first bytes of an answer's body came, and its last ones."""
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if not re.match(rb"http/1\.1 20[01]", head):
            raise RuntimeError(head.decode() + (await self._reader.read(2000)).decode())
        if sized := re.search(rb"\ncontent-length: (\d+)", head):
            return time.perf_counter() - started, await self._reader.readexactly(int(sized[1]))
        return await self._chunks(started)

    async def _chunks(self, started: float) -> tuple[float, bytes]:
        first, tail = 0.0, b""
        while True:
            size = int(await self._reader.readline(), 16)
            chunk = await self._reader.readexactly(size + 2)
            first = first or time.perf_counter() - started
            if size == 0:
                return first, tail
            tail = (tail + chunk[:-2])[-KEPT:]


async def load(target: Target, streams: int, seconds: float) -> Figures:
    """Keep `streams` runs going for `seconds`."""
    figures = Figures()
    started = time.perf_counter()

    async def keep() -> None:
        client = Client(*await asyncio.open_connection(target.host, target.port), target)
        while time.perf_counter() - started < seconds:
            figures.firsts.append(await client.run())
            figures.runs += 1
        client.close()

    await asyncio.gather(*(keep() for _ in range(streams)))
    figures.seconds = time.perf_counter() - started
    return figures
