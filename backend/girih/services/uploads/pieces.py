"""The bytes of uploads as pieces in storage: written while they come, read in order, never more than one in memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

from girih.errors import GirihError, InvalidInput, TooLarge
from girih.providers.storage.base import Storage

LARGEST = 8 * 2**20
"""Bytes of a piece: what one request holds in memory."""
ALGORITHMS = ("md5", "sha1", "sha256")


class ChecksumMismatch(InvalidInput):
    """The bytes that came are not those that were sent."""

    code = "checksum_mismatch"


@dataclass(frozen=True)
class Piece:
    """A piece in storage: its key, its place in the file, its size."""

    key: str
    start: int
    size: int


Note = Callable[[Sequence[Piece]], Awaitable[None]]
"""Counts pieces as received. Raises `Conflict` when they are not wanted any more."""


async def keep(
    storage: Storage,
    prefix: str,
    content: AsyncIterator[bytes],
    at: Piece,
    room: int,
    checksum: tuple[str, bytes] | None,
    note: Note,
) -> None:
    """Store what comes as pieces from `at` on, `room` bytes at most; what came before a fault is kept.

    With a checksum nothing is noted before all has come and is right.
    """
    writer = _Writer(storage, prefix, at.start, note, hashlib.new(checksum[0]) if checksum else None)
    left = room
    try:
        async for data in content:
            left -= len(data)
            if left < 0:
                raise TooLarge("more bytes came than the upload was announced with")
            await writer.write(data)
    except GirihError:
        await writer.give_up()
        raise
    except Exception:
        # The caller went away. What came is kept, so that it can go on from there.
        await (writer.give_up() if checksum else writer.flush())
        raise
    if checksum is not None and writer.digest() != checksum[1]:
        await writer.give_up()
        raise ChecksumMismatch("the checksum does not fit the bytes that came", help="send them again")
    await writer.flush(last=True)


async def read(storage: Storage, keys: Sequence[str]) -> AsyncIterator[bytes]:
    """The bytes of pieces, one after the other."""
    for key in keys:
        async for data in storage.read(key):
            yield data


class _Writer:
    """Collects bytes to pieces."""

    def __init__(self, storage: Storage, prefix: str, start: int, note: Note, digest: hashlib._Hash | None) -> None:
        self._storage = storage
        self._prefix = prefix
        self._start = start
        self._note = note
        self._digest = digest
        self._buffer = bytearray()
        self._held: list[Piece] = []

    async def write(self, data: bytes) -> None:
        """Take bytes; full pieces go to storage."""
        if self._digest is not None:
            self._digest.update(data)
        self._buffer += data
        while len(self._buffer) >= LARGEST:
            await self._store(LARGEST)
            if self._digest is None:
                await self._tell()

    async def flush(self, *, last: bool = False) -> None:
        """Store what is left, and note what is not noted."""
        if self._buffer:
            await self._store(len(self._buffer))
        if self._held and (last or self._digest is None):
            await self._tell()

    async def give_up(self) -> None:
        """Remove what was stored and not noted."""
        for piece in self._held:
            with suppress(GirihError):
                await self._storage.delete(piece.key)
        self._held = []

    def digest(self) -> bytes:
        """The digest of all that came."""
        return self._digest.digest() if self._digest is not None else b""

    async def _store(self, size: int) -> None:
        # A name of its own: of two that write the same place, neither overwrites the other's bytes.
        piece = Piece(f"{self._prefix}{uuid4().hex}", self._start, size)
        await self._storage.put_bytes(piece.key, bytes(self._buffer[:size]))
        del self._buffer[:size]
        self._start += size
        self._held.append(piece)

    async def _tell(self) -> None:
        try:
            await self._note(self._held)
        except GirihError:
            await self.give_up()
            raise
        self._held = []
