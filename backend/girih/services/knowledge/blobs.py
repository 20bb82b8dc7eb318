"""Uploaded files in storage, named by their own hash: equal bytes of one organization lie there once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from girih.errors import InvalidInput, TooLarge
from girih.providers.storage.base import Storage


@dataclass(frozen=True)
class StoredBlob:
    """Bytes that lie in storage: their SHA-256 (hexadecimal) and their number."""

    sha256: str
    size: int


def key_of(org_id: UUID, sha256: str) -> str:
    """The key of the bytes with that hash. No name that a person gave is ever part of one."""
    return f"blobs/{org_id}/{sha256[:2]}/{sha256}"


class Blobs:
    """The files in storage. `scratch` is a folder of this machine where files lie while they arrive."""

    def __init__(self, storage: Storage, scratch: Path) -> None:
        self._storage = storage
        self._scratch = scratch

    async def receive(self, org_id: UUID, content: AsyncIterator[bytes] | bytes, limit: int) -> StoredBlob:
        """Store what arrives. Raises `TooLarge` as soon as `limit` bytes are passed, `InvalidInput` for no byte."""
        arriving = self._scratch / uuid4().hex
        await asyncio.to_thread(arriving.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
        try:
            blob = await _write(arriving, content, limit)
            await self._storage.put(key_of(org_id, blob.sha256), arriving)
        finally:
            await asyncio.to_thread(arriving.unlink, missing_ok=True)
        return blob

    def file(self, org_id: UUID, sha256: str) -> AbstractAsyncContextManager[Path]:
        """The bytes as a file of this machine, while the context is open. Raises `NotFound`."""
        return self._storage.file(key_of(org_id, sha256))

    def read(self, org_id: UUID, sha256: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, piece by piece. Raises `NotFound` at the first piece."""
        return self._storage.read(key_of(org_id, sha256), start, end)

    async def exists(self, org_id: UUID, sha256: str) -> bool:
        """Whether the bytes with that hash lie here."""
        return await self._storage.size(key_of(org_id, sha256)) is not None


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
    return StoredBlob(digest.hexdigest(), size)


async def _pieces(content: AsyncIterator[bytes] | bytes) -> AsyncIterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    async for piece in content:
        yield piece
