"""What was embedded before: a text that an organization's documents repeat is embedded once for each embedder."""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import overload

from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork

MOST = 200_000
"""Vectors that are kept of an organization; beyond them those go first that have not helped for longest."""

_FIND = text("""
SELECT text_hash, vector FROM cached_embeddings
WHERE org_id = :org_id AND fingerprint = :fingerprint AND text_hash = ANY(CAST(:hashes AS bytea[]))
""")
_TOUCH = text("""
UPDATE cached_embeddings SET used_on = CURRENT_DATE
WHERE org_id = :org_id AND fingerprint = :fingerprint AND text_hash = ANY(CAST(:hashes AS bytea[]))
  AND used_on < CURRENT_DATE
""")
_KEEP = text("""
INSERT INTO cached_embeddings (org_id, fingerprint, text_hash, vector)
SELECT :org_id, :fingerprint, h, v FROM unnest(CAST(:hashes AS bytea[]), CAST(:vectors AS bytea[])) AS g (h, v)
ORDER BY h
ON CONFLICT DO NOTHING
""")
_COUNT = text("SELECT count(*) FROM cached_embeddings WHERE org_id = :org_id")
_TRIM = text("""
DELETE FROM cached_embeddings WHERE org_id = :org_id AND (fingerprint, text_hash) IN (
  SELECT fingerprint, text_hash FROM cached_embeddings WHERE org_id = :org_id ORDER BY used_on LIMIT :excess
)
""")


class EmbeddingCache:
    """Vectors by the hash of their text, for an embedder of some fingerprint."""

    def __init__(self, uow: UnitOfWork, most: int = MOST) -> None:
        self._uow = uow
        self._most = most

    async def find(self, scope: OrgScope, fingerprint: str, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that are known, as little-endian float32."""
        given = {"org_id": scope.org_id, "fingerprint": fingerprint, "hashes": list(set(hashes))}
        async with self._uow(scope) as work:
            found = {row.text_hash: row.vector for row in await work.session.execute(_FIND, given)}
            if found:
                await work.session.execute(_TOUCH, given | {"hashes": sorted(found)})
        return found

    async def keep(self, scope: OrgScope, fingerprint: str, vectors: Mapping[bytes, bytes]) -> None:
        """Remember vectors by the hashes of their texts."""
        given = {"org_id": scope.org_id, "fingerprint": fingerprint}
        async with self._uow(scope) as work:
            columns = {"hashes": list(vectors), "vectors": list(vectors.values())}
            await work.session.execute(_KEEP, given | columns)

    async def trim(self, scope: OrgScope) -> None:
        """Forget what is beyond the bound."""
        async with self._uow(scope) as work:
            count = int(await work.session.scalar(_COUNT, {"org_id": scope.org_id}) or 0)
            if count > self._most:
                await work.session.execute(_TRIM, {"org_id": scope.org_id, "excess": count - self._most * 9 // 10})


class Vectors(Sequence[list[float]]):
    """Many vectors in little memory: four bytes a number until one is looked at."""

    def __init__(self, packed: Sequence[bytes]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, at: int) -> list[float]: ...

    @overload
    def __getitem__(self, at: slice) -> Vectors: ...

    def __getitem__(self, at: int | slice) -> list[float] | Vectors:
        return Vectors(self._packed[at]) if isinstance(at, slice) else unpacked(self._packed[at])


def hash_of(embedded: str) -> bytes:
    """By what a text is known."""
    return hashlib.sha256(embedded.encode("utf-8", "surrogatepass")).digest()


def packed(vector: Sequence[float]) -> bytes:
    """A vector as little-endian float32."""
    return _little_endian(array("f", vector)).tobytes()


def unpacked(data: bytes) -> list[float]:
    """A vector from little-endian float32."""
    return _little_endian(array("f", data)).tolist()


def _little_endian(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
