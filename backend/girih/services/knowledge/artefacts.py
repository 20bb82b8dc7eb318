"""What the stages of an ingestion have worked out so far, on disk: a retry goes on where the last one stopped."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sys
from array import array
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from uuid import UUID, uuid4

from pydantic import TypeAdapter, ValidationError

from girih.providers.parsers.document import ParsedDocument
from girih.services.knowledge.chunking import Passage

_PASSAGES = TypeAdapter(list[Passage])


class Artefacts:
    """The results for one content of one document. Each is written whole or not at all, and named by what shaped it."""

    def __init__(self, root: Path, org_id: UUID, document_id: UUID, sha256: str) -> None:
        self._document = root / str(org_id) / str(document_id)
        self._folder = self._document / sha256[:32]

    async def parsed(self, key: str) -> ParsedDocument | None:
        """The parsed document, if it was stored."""
        data = await self._read(f"parse-{key}.json")
        try:
            return ParsedDocument.model_validate_json(data) if data is not None else None
        except ValidationError:
            return None

    async def put_parsed(self, key: str, document: ParsedDocument) -> None:
        """Store the parsed document."""
        await self._write(f"parse-{key}.json", document.model_dump_json().encode())

    async def passages(self, key: str) -> list[Passage] | None:
        """The passages, if they were stored."""
        data = await self._read(f"chunk-{key}.json")
        try:
            return _PASSAGES.validate_json(data) if data is not None else None
        except ValidationError:
            return None

    async def put_passages(self, key: str, passages: list[Passage]) -> None:
        """Store the passages."""
        await self._write(f"chunk-{key}.json", _PASSAGES.dump_json(passages))

    async def vectors(self, key: str, batch: int, count: int) -> list[list[float]] | None:
        """The `count` vectors of a batch, if they were stored."""
        data = await self._read(f"embed-{key}-{batch}.f32")
        if data is None or not data or len(data) % (4 * count):
            return None
        numbers = _little_endian(array("f", data)).tolist()
        dims = len(numbers) // count
        return [numbers[at : at + dims] for at in range(0, len(numbers), dims)]

    async def put_vectors(self, key: str, batch: int, vectors: Sequence[Sequence[float]]) -> None:
        """Store the vectors of a batch."""
        await self._write(f"embed-{key}-{batch}.f32", _little_endian(array("f", chain(*vectors))).tobytes())

    async def forget(self) -> None:
        """Remove all that is stored for the document."""
        await asyncio.to_thread(shutil.rmtree, self._document, ignore_errors=True)

    async def _read(self, name: str) -> bytes | None:
        try:
            return await asyncio.to_thread((self._folder / name).read_bytes)
        except FileNotFoundError:
            return None

    async def _write(self, name: str, data: bytes) -> None:
        await asyncio.to_thread(_write_whole, self._folder / name, data)


def key_of(*facts: object) -> str:
    """A short name for what shaped a result: equal facts, equal name."""
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]


def _little_endian(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{uuid4().hex}")
    beside.write_bytes(data)
    beside.replace(path)
