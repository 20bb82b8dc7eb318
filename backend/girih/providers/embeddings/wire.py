"""How texts and vectors travel between a process and the embedding process: frames with a JSON head and float32 bytes.

A frame is two lengths (unsigned, 32 bits, big-endian), a JSON object of the first length, and bytes of the second.
Question: `{"id": 7, "texts": ["…"]}`. Answer: `{"id": 7}` with `DIMS` little-endian floats per text, or
`{"id": 7, "error": "…", "help": "…"}`. No texts ask whether the model is loaded.
"""

from __future__ import annotations

import json
import struct
import sys
from array import array
from asyncio import StreamReader
from collections.abc import Sequence
from dataclasses import dataclass
from socket import socket
from typing import Any

from girih.providers.embeddings.minilm_model import DIMS

LARGEST = 4 * 2**20
"""Bytes of a frame's JSON, and of what follows it."""

MOST_TEXTS = 64
"""Texts in one question."""

_LENGTHS = struct.Struct("!II")
_WIDTH = 4


class Malformed(Exception):
    """Bytes that are no frame, or a frame that is too large: nothing after them can be understood."""


@dataclass(frozen=True)
class Frame:
    """One message."""

    head: dict[str, Any]
    body: bytes = b""


def packed(frame: Frame) -> bytes:
    """A frame as bytes. Raises `Malformed` if it is too large."""
    head = json.dumps(frame.head).encode()  # ASCII: a lone surrogate travels, too
    if max(len(head), len(frame.body)) > LARGEST:
        raise Malformed(f"a frame may hold {LARGEST:,} bytes")
    return _LENGTHS.pack(len(head), len(frame.body)) + head + frame.body


async def receive(reader: StreamReader) -> Frame:
    """The next frame. Raises `Malformed`, and `EOFError` or `OSError` when the other side is gone."""
    head, body = _sizes(await reader.readexactly(_LENGTHS.size))
    return _frame(await reader.readexactly(head), await reader.readexactly(body))


def receive_blocking(connection: socket) -> Frame:
    """The next frame from a socket that waits. Raises as `receive` does."""
    head, body = _sizes(_exactly(connection, _LENGTHS.size))
    return _frame(_exactly(connection, head), _exactly(connection, body))


def vectors(body: bytes, count: int) -> list[list[float]]:
    """The vectors in an answer to `count` texts. Raises `Malformed` for another number of them."""
    if len(body) != count * DIMS * _WIDTH:
        raise Malformed(f"{len(body)} bytes are not {count} vectors")
    numbers = array("f", body)
    if sys.byteorder == "big":
        numbers.byteswap()
    flat = numbers.tolist()
    return [flat[at : at + DIMS] for at in range(0, len(flat), DIMS)]


def questions(texts: Sequence[str]) -> list[list[str]]:
    """The texts in portions that fit into frames: a character takes at most 12 bytes."""
    portions: list[list[str]] = []
    room = 0
    for text in texts:
        needed = 12 * len(text) + 8
        if not portions or needed > room or len(portions[-1]) == MOST_TEXTS:
            portions.append([])
            room = LARGEST - 256
        portions[-1].append(text)
        room -= needed
    return portions


def _sizes(data: bytes) -> tuple[int, int]:
    head, body = _LENGTHS.unpack(data)
    if max(head, body) > LARGEST:
        raise Malformed(f"a frame may hold {LARGEST:,} bytes, not {max(head, body):,}")
    return head, body


def _frame(head: bytes, body: bytes) -> Frame:
    try:
        found = json.loads(head)
    except (ValueError, RecursionError) as fault:
        raise Malformed("a frame begins with JSON") from fault
    if not isinstance(found, dict):
        raise Malformed("a frame begins with a JSON object")
    return Frame(found, body)


def _exactly(connection: socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError("the embedding process closed the connection")
        data += more
    return data
