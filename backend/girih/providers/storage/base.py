"""The port of storage: files by key, wherever they lie. Keys are made by girih, never by a person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

PIECE = 2**20
"""Bytes that are read at once: what a transfer holds in memory, however large the file."""


class Storage(Protocol):
    """Files by key, such as `blobs/ORG/ab/abcd…`. Where the storage does not answer, methods raise `Unavailable`."""

    async def put(self, key: str, source: Path) -> None:
        """Keep the file's bytes under the key, whole or not at all, durably. The file itself may be gone afterwards."""
        ...

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Keep the bytes under the key, whole or not at all, durably."""
        ...

    async def get_bytes(self, key: str) -> bytes | None:
        """All bytes under the key; `None` if there is nothing."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, piece by piece. Raises `NotFound` at the first piece."""
        ...

    def file(self, key: str) -> AbstractAsyncContextManager[Path]:
        """The bytes as a file of this machine, to be read while the context is open. Raises `NotFound`."""
        ...

    async def size(self, key: str) -> int | None:
        """The number of bytes under the key; `None` if there is nothing."""
        ...

    def keys(self, prefix: str) -> AsyncIterator[str]:
        """Every key below `prefix`, which ends with a slash, in no certain order."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the key; one that is not there is no fault."""
        ...

    async def delete_all(self, prefix: str) -> None:
        """Forget every key below `prefix`, which ends with a slash."""
        ...
