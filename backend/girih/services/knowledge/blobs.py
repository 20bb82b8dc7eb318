"""Uploaded files on disk, named by their own hash inside a folder per organization."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from girih.errors import InvalidInput, TooLarge


@dataclass(frozen=True)
class StoredBlob:
    """Bytes that lie on disk: their SHA-256 (hexadecimal) and their number."""

    sha256: str
    size: int


class Blobs:
    """A folder of files. Equal bytes of one organization lie there once; no name a person gave is ever a path."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def receive(self, org_id: UUID, content: AsyncIterator[bytes] | bytes, limit: int) -> StoredBlob:
        """Store what arrives. Raises `TooLarge` as soon as `limit` bytes are passed, `InvalidInput` for no byte."""
        arriving = self._root / str(org_id) / f".arriving-{uuid4().hex}"
        await asyncio.to_thread(arriving.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
        try:
            blob = await _write(arriving, content, limit)
            await asyncio.to_thread(_settle, arriving, self.path(org_id, blob.sha256))
        finally:
            await asyncio.to_thread(arriving.unlink, missing_ok=True)
        return blob

    def path(self, org_id: UUID, sha256: str) -> Path:
        """Where the bytes with that hash lie, if they do."""
        return self._root / str(org_id) / sha256[:2] / sha256

    async def exists(self, org_id: UUID, sha256: str) -> bool:
        """Whether the bytes with that hash lie here."""
        return await asyncio.to_thread(self.path(org_id, sha256).is_file)

    async def remove(self, org_id: UUID, sha256: str) -> None:
        """Forget the bytes with that hash."""
        await asyncio.to_thread(self.path(org_id, sha256).unlink, missing_ok=True)


async def _write(path: Path, content: AsyncIterator[bytes] | bytes, limit: int) -> StoredBlob:
    digest, size = hashlib.sha256(), 0
    with await asyncio.to_thread(path.open, "xb") as file:
        async for piece in _pieces(content):
            size += len(piece)
            if size > limit:
                raise TooLarge(f"the file is larger than the limit of {limit / 2**20:.4g} MB", limit=limit)
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
        if size == 0:
            raise InvalidInput("the file is empty (0 bytes)", help="upload a file that has content")
        await asyncio.to_thread(_sync, file)
    return StoredBlob(digest.hexdigest(), size)


async def _pieces(content: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    async for piece in content:
        yield piece


def _sync(file: BinaryIO) -> None:
    # A row may say "accepted" only of bytes that survive a power cut.
    file.flush()
    os.fsync(file.fileno())


def _settle(arriving: Path, place: Path) -> None:
    place.parent.mkdir(exist_ok=True, mode=0o700)
    arriving.replace(place)
