"""The file of a backup: a zip archive with the dump, the files, and a manifest that holds the SHA-256 of each."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from girih.errors import Conflict, InvalidInput, Unavailable

PIECE = 2**20
MANIFEST = "manifest.json"
DATABASE = "database.dump"
FILES = "files/"
_LARGEST_MANIFEST = 512 * 2**20


class Entry(BaseModel):
    """One thing in the archive: its bytes, and their SHA-256 (hexadecimal)."""

    name: str
    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a backup holds, and what made it. Master keys, and whatever else processes are given, are not in it."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["girih.backup/v1"] = "girih.backup/v1"
    made_at: datetime
    girih: str
    revision: str
    postgres: int
    vector: str
    entries: list[Entry]

    @property
    def files(self) -> list[Entry]:
        """The files of documents and uploads among the entries."""
        return [entry for entry in self.entries if entry.name.startswith(FILES)]


class Writer:
    """An archive that is being written. Entries are written one after the other."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.entries: list[Entry] = []

    async def add(self, name: str, pieces: AsyncIterator[bytes]) -> Entry:
        """Write one entry. What `pieces` raises leaves no archive behind."""
        digest, size = hashlib.sha256(), 0
        with self._archive.open(name, "w", force_zip64=True) as file:
            async for piece in pieces:
                digest.update(piece)
                size += len(piece)
                await asyncio.to_thread(file.write, piece)
        entry = Entry(name=name, bytes=size, sha256=digest.hexdigest())
        self.entries.append(entry)
        return entry

    def close(self, manifest: Manifest) -> None:
        """Write down what was written."""
        self._archive.writestr(MANIFEST, json.dumps(manifest.model_dump(mode="json"), indent=1))


@asynccontextmanager
async def writing(target: Path) -> AsyncIterator[Writer]:
    """A new archive, which appears under its name when it is whole. Raises `Conflict` where there is a file already."""
    if await asyncio.to_thread(target.exists):
        raise Conflict(f"there is a file {target} already", help="name another one; a backup is never written over")
    beside = target.with_name(f".{target.name}.partial")
    try:
        await asyncio.to_thread(_make_private, beside)
        with zipfile.ZipFile(beside, "w") as archive:
            yield Writer(archive)
        await asyncio.to_thread(beside.rename, target)
    except OSError as fault:
        raise Unavailable(f"{target} cannot be written: {fault.strerror or type(fault).__name__}") from fault
    finally:
        await asyncio.to_thread(beside.unlink, missing_ok=True)


def _make_private(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of one that was killed
    path.touch(mode=0o600)


class Reader:
    """An archive whose manifest was read."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """An entry's bytes, piece by piece. Raises `InvalidInput` for one that is damaged."""
        try:
            with self._archive.open(name) as file:
                while piece := await asyncio.to_thread(file.read, PIECE):
                    yield piece
        except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError) as fault:
            raise _damaged(name) from fault

    async def check(self) -> None:
        """Read everything, and compare it with the manifest. Raises `InvalidInput` for the first that differs."""
        held = sorted(self._archive.namelist())
        if held != sorted([MANIFEST, *(entry.name for entry in self.manifest.entries)]):
            raise InvalidInput("the archive does not hold what its manifest lists", help="take another backup")
        for entry in self.manifest.entries:
            digest, size = hashlib.sha256(), 0
            async for piece in self.read(entry.name):
                digest.update(piece)
                size += len(piece)
            if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
                raise _damaged(entry.name)


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """An archive to read. Raises `InvalidInput` for what is no backup, or one of a kind that is not known here."""
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as fault:
        raise InvalidInput(
            f"{path} is no backup that can be read", help="`girih backup write FILE` makes one"
        ) from fault
    with archive:
        yield Reader(archive, _manifest(archive, path))


def _manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
            raise _damaged(MANIFEST)
        return Manifest.model_validate_json(archive.read(MANIFEST))
    except (KeyError, ValidationError, zipfile.BadZipFile, EOFError) as fault:
        raise InvalidInput(
            f"{path} is no backup that this version of girih knows",
            help="take the version that made it, or a newer one",
        ) from fault


def _damaged(name: str) -> InvalidInput:
    return InvalidInput(f"'{name}' in the archive is damaged or was changed", help="take another backup")
