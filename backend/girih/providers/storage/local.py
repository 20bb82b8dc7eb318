"""Storage in a folder of this machine, or in one that all machines mount."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from girih.errors import NotFound, Unavailable
from girih.providers.storage.base import PIECE


class LocalStorage:
    """Files below `root`, each at the path that its key is."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, source: Path) -> None:
        """Keep the file's bytes under the key, whole or not at all, durably; the file is moved where it can be."""
        await asyncio.to_thread(_settle, source, self._path(key))

    async def put_bytes(self, key: str, data: bytes) -> None:
        """Keep the bytes under the key, whole or not at all, durably."""
        await asyncio.to_thread(_write, data, self._path(key))

    async def get_bytes(self, key: str) -> bytes | None:
        """All bytes under the key; `None` if there is nothing."""
        try:
            return await asyncio.to_thread(self._path(key).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise _away(fault) from fault

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end`, piece by piece. Raises `NotFound` at the first piece."""
        async with self.file(key) as path:
            with await asyncio.to_thread(path.open, "rb") as file:
                await asyncio.to_thread(file.seek, start)
                left = PIECE if end is None else end - start
                while left > 0 and (piece := await asyncio.to_thread(file.read, min(PIECE, left))):
                    yield piece
                    left = PIECE if end is None else left - len(piece)

    @asynccontextmanager
    async def file(self, key: str) -> AsyncIterator[Path]:
        """The file itself. Raises `NotFound`."""
        path = self._path(key)
        if not await asyncio.to_thread(path.is_file):
            raise NotFound("the file is not in storage any more")
        yield path

    async def size(self, key: str) -> int | None:
        """The number of bytes under the key; `None` if there is nothing."""
        try:
            return (await asyncio.to_thread(self._path(key).stat)).st_size
        except FileNotFoundError:
            return None

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Every key below `prefix`, folder by folder."""
        todo = [self._path(prefix)]
        while todo:
            folders, files = await asyncio.to_thread(_entries, todo.pop())
            todo.extend(folders)
            for file in files:
                yield file.relative_to(self._root).as_posix()

    async def delete(self, key: str) -> None:
        """Forget the key; one that is not there is no fault."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    async def delete_all(self, prefix: str) -> None:
        """Forget every key below `prefix`."""
        await asyncio.to_thread(shutil.rmtree, self._path(prefix), ignore_errors=True)

    def _path(self, key: str) -> Path:
        parts = key.removesuffix("/").split("/")
        if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
            raise ValueError(f"not a key of storage: {key!r}")
        return self._root.joinpath(*parts)


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders and the whole files in a folder; none of one that is not there."""
    try:
        found = [one for one in folder.iterdir() if not one.name.startswith(".")]
    except FileNotFoundError:
        return [], []
    except OSError as fault:
        raise _away(fault) from fault
    return [one for one in found if one.is_dir()], [one for one in found if not one.is_dir()]


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A file to fill next to its place, gone afterwards unless it was moved there."""
    beside = place.with_name(f".{uuid4().hex}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield beside
    except OSError as fault:
        raise _away(fault) from fault
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _write(data: bytes, place: Path) -> None:
    with _beside(place) as beside:
        with beside.open("xb") as file:
            file.write(data)
            _sync(file.fileno())
        beside.replace(place)


def _settle(source: Path, place: Path) -> None:
    with _beside(place) as beside:
        try:
            source.replace(beside)
        except OSError:
            shutil.copyfile(source, beside)  # it lies on another disk
        with beside.open("rb") as file:
            _sync(file.fileno())
        beside.replace(place)


def _sync(file: int) -> None:
    # A row may say "accepted" only of bytes that survive a power cut.
    os.fsync(file)


def _away(fault: OSError) -> Unavailable:
    return Unavailable(
        f"the storage folder cannot be used: {fault.strerror or type(fault).__name__}",
        help="see that GIRIH_DATA_DIR can be written and has room",
    )
