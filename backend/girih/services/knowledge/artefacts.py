"""What the stages of an ingestion worked out from some bytes: kept beside them, shared by all who have the same."""

from __future__ import annotations

import hashlib
import json
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from girih.language.spec.tree import JsonObject
from girih.providers.parsers.document import ParsedDocument
from girih.providers.storage.base import Storage
from girih.services.knowledge import blobs
from girih.services.knowledge.chunking import Passage

_NOTES: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)


class Cut(BaseModel):
    """A document's passages, and what its later stages need to know of it."""

    model_config = ConfigDict(frozen=True)

    pages: int | None
    passages: list[Passage]
    texts: list[str]
    """What is embedded of each passage."""


class Artefacts:
    """The results for some bytes of an organization. Each is written whole or not at all, named by what shaped it."""

    def __init__(self, storage: Storage, org_id: UUID, sha256: str) -> None:
        self._storage = storage
        self._prefix = prefix_of_blob(blobs.key_of(org_id, sha256))

    async def parsed(self, key: str) -> ParsedDocument | None:
        """The parsed document, if it is kept."""
        data = await self._storage.get_bytes(f"{self._prefix}parse-{key}.json")
        try:
            return ParsedDocument.model_validate_json(data) if data is not None else None
        except ValidationError:
            return None

    async def keep_parsed(self, key: str, document: ParsedDocument) -> None:
        """Keep the parsed document."""
        await self._storage.put_bytes(f"{self._prefix}parse-{key}.json", document.model_dump_json().encode())

    async def cut(self, key: str) -> Cut | None:
        """The passages, if they are kept."""
        data = await self._storage.get_bytes(f"{self._prefix}chunk-{key}.json")
        try:
            return Cut.model_validate_json(data) if data is not None else None
        except ValidationError:
            return None

    async def notes(self, key: str) -> JsonObject | None:
        """What a model said of the document or its passages, if it is kept."""
        data = await self._storage.get_bytes(f"{self._prefix}notes-{key}.json")
        try:
            return _NOTES.validate_json(data) if data is not None else None
        except ValidationError:
            return None

    async def keep_notes(self, key: str, notes: JsonObject) -> None:
        """Keep what a model said."""
        await self._storage.put_bytes(f"{self._prefix}notes-{key}.json", _NOTES.dump_json(notes))

    async def keep_cut(self, key: str, cut: Cut) -> None:
        """Keep the passages."""
        await self._storage.put_bytes(f"{self._prefix}chunk-{key}.json", cut.model_dump_json().encode())


def prefix_of_blob(key: str) -> str:
    """Below which key lies what was worked out from the bytes under this one."""
    return f"artefacts/{key.removeprefix('blobs/')}/"


def key_of(*facts: object) -> str:
    """A short name for what shaped a result: equal facts, equal name."""
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]
