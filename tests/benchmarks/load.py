"""A light load generator: keeps N streams open over plain sockets and times what comes back."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from dataclasses import dataclass, field


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


@dataclass(frozen=True)
class Target:
    """Where a run is asked for."""

    port: int
    path: str
    body: dict[str, object]
    headers: dict[str, str] = field(default_factory=dict)

    def request(self) -> bytes:
        """The HTTP request, ready to be sent."""
        body = json.dumps(self.body).encode()
        lines = [
            f"POST {self.path} HTTP/1.1",
            "Host: 127.0.0.1",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def one_run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> float:
    """Ask for one run and read it to its end; returns the time to the first event in seconds."""
    started = time.perf_counter()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise RuntimeError(head.decode() + (await reader.read(2000)).decode())
    first, tail = 0.0, b""
    while True:
        size = int(await reader.readline(), 16)
        chunk = await reader.readexactly(size + 2)
        first = first or time.perf_counter() - started
        tail = (tail + chunk)[-4000:]
        if size == 0:
            break
    if b"event: run.finished" not in tail:
        raise RuntimeError(f"the run did not finish: {tail.decode(errors='replace')}")
    return first


async def load(target: Target, streams: int, seconds: float) -> Figures:
    """Keep `streams` runs going for `seconds`."""
    figures, request = Figures(), target.request()
    started = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        while time.perf_counter() - started < seconds:
            figures.firsts.append(await one_run(reader, writer, request))
            figures.runs += 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(streams)))
    figures.seconds = time.perf_counter() - started
    return figures
