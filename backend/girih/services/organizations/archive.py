"""The archive of an organization: a zip file of its rows as JSON lines and its files, and what there should be."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

FORMAT: Final = "girih-organization/1"
LARGEST_PIECE: Final = 2**20


class Archive:
    """Writes one file after the other, with as much memory as one piece takes. The manifest is the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[str, dict[str, Any]] = {}
        self._files = 0
        self._list = path.with_suffix(".files")

    async def __aenter__(self) -> Self:
        self._zip = await asyncio.to_thread(
            zipfile.ZipFile, self._path, "x", compression=zipfile.ZIP_DEFLATED, compresslevel=6
        )
        self._listed = await asyncio.to_thread(self._list.open, "xb")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._listed.close)
        await asyncio.to_thread(self._zip.close)
        await asyncio.to_thread(self._list.unlink, missing_ok=True)

    async def table(self, name: str, rows: AsyncIterator[Sequence[str]], left_out: Iterable[str]) -> None:
        """Add the rows of a table, each a line; `left_out` are its columns that no archive holds."""
        count = 0

        async def lines() -> AsyncIterator[bytes]:
            nonlocal count
            async for part in rows:
                count += len(part)
                yield "".join(f"{one}\n" for one in part).encode()

        _, sha256 = await self._add(f"tables/{name}.ndjson", lines())
        self._tables[name] = {"rows": count, "sha256": sha256, "left_out": sorted(left_out)}

    async def file(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Add a file as it is."""
        size, sha256 = await self._add(f"files/{name}", pieces)
        line = json.dumps({"file": f"files/{name}", "size": size, "sha256": sha256})
        await asyncio.to_thread(self._listed.write, f"{line}\n".encode())
        self._files += 1

    async def close(self, **about: object) -> None:
        """Add the list of files and the manifest."""
        await asyncio.to_thread(self._listed.flush)
        _, sha256 = await self._add("files.ndjson", _pieces(self._list))
        files = {"count": self._files, "list": "files.ndjson", "sha256": sha256}
        manifest = {"format": FORMAT, **about, "tables": self._tables, "files": files}
        await asyncio.to_thread(self._zip.writestr, "manifest.json", json.dumps(manifest, indent=2, sort_keys=True))

    async def _add(self, name: str, pieces: AsyncIterator[bytes]) -> tuple[int, str]:
        """Size and SHA-256 of what was added under the name."""
        size, sha256 = 0, hashlib.sha256()
        target = self._zip.open(name, "w", force_zip64=True)
        try:
            async for piece in pieces:
                size += len(piece)
                sha256.update(piece)
                await asyncio.to_thread(target.write, piece)
        finally:
            await asyncio.to_thread(target.close)
        return size, sha256.hexdigest()


async def digest(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    size, sha256 = 0, hashlib.sha256()
    async for piece in _pieces(path):
        size += len(piece)
        sha256.update(piece)
    return size, sha256.hexdigest()


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while piece := await asyncio.to_thread(file.read, LARGEST_PIECE):
            yield piece
