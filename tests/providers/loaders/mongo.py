"""A server that speaks enough of MongoDB's wire protocol (OP_MSG) for the official driver to find documents in it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.codec_options import CodecOptions

_HEADER = struct.Struct("<iiii")
_MSG, _QUERY, _REPLY = 2013, 2004, 1
_AWARE = CodecOptions(tz_aware=True)


@dataclass
class Mongo:
    """Its documents, in the order of their `_id`, and the commands it was sent."""

    url: str = ""
    documents: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    batch: int = 2
    error: str | None = None
    _open: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                length, request, _, code = _HEADER.unpack(await reader.readexactly(16))
                body = await reader.readexactly(length - 16)
                answer = self._answer(_command(code, body))
                payload = bson.encode(answer)
                if code == _QUERY:
                    data, kind = struct.pack("<iqii", 8, 0, 0, 1) + payload, _REPLY
                else:
                    data, kind = struct.pack("<iB", 0, 0) + payload, _MSG
                writer.write(_HEADER.pack(16 + len(data), 0, request, kind) + data)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        if name in ("hello", "ismaster", "isMaster"):
            return {
                "ok": 1.0,
                "helloOk": True,
                "isWritablePrimary": True,
                "ismaster": True,
                "maxBsonObjectSize": 16_777_216,
                "maxMessageSizeBytes": 48_000_000,
                "maxWriteBatchSize": 100_000,
                "minWireVersion": 0,
                "maxWireVersion": 21,
            }
        if name not in ("find", "getMore"):
            return {"ok": 1.0}
        self.commands.append(command)
        if self.error:
            return {"ok": 0.0, "errmsg": self.error, "code": 13, "codeName": "Unauthorized"}
        if name == "find":
            found = [one for one in self.documents if _fits(one, command.get("filter", {}))]
            assert command["sort"] == {"_id": 1}
            return self._cursor("firstBatch", found, f"{command['$db']}.{command['find']}")
        return self._cursor(
            "nextBatch", self._open.pop(command["getMore"]), f"{command['$db']}.{command['collection']}"
        )

    def _cursor(self, name: str, left: list[dict[str, Any]], space: str) -> dict[str, Any]:
        now, later = left[: self.batch], left[self.batch :]
        number = len(self.commands) if later else 0
        if later:
            self._open[number] = later
        return {"ok": 1.0, "cursor": {"id": bson.Int64(number), "ns": space, name: now}}


def _command(code: int, body: bytes) -> dict[str, Any]:
    if code == _QUERY:
        at = body.index(b"\0", 4) + 1 + 8
        return dict(bson.decode(body[at:], _AWARE))
    assert code == _MSG
    return dict(bson.decode(body[5:], _AWARE))


def _fits(document: dict[str, Any], condition: dict[str, Any]) -> bool:
    for name, wanted in condition.items():
        if name == "$and":
            if not all(_fits(document, one) for one in wanted):
                return False
        elif isinstance(wanted, dict):
            found = document.get(name)
            tests = {"$gte": lambda a, b: a >= b, "$gt": lambda a, b: a > b}
            if found is None or not all(tests[sign](found, value) for sign, value in wanted.items()):
                return False
        elif document.get(name) != wanted:
            return False
    return True


@asynccontextmanager
async def mongo() -> AsyncIterator[Mongo]:
    """A running server without a document."""
    found = Mongo()
    listening = await asyncio.start_server(found.handle, "127.0.0.1", 0)
    found.url = f"mongodb://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        listening.close()
