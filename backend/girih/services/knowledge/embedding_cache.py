"""What was embedded before: a text that an organization's documents repeat is embedded once for each embedder."""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import overload
from uuid import UUID

from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork

MOST = 200_000
"""Vectors that are kept of an organization; beyond them those go first that have not helped for longest."""
_LOOK_AFTER = 1_000
"""New vectors of an organization after which they are counted."""
_AT_ONCE = 10_000
"""Vectors that are forgotten in one transaction."""

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
ON CONFLICT (org_id, fingerprint, text_hash) DO UPDATE SET vector = excluded.vector, used_on = CURRENT_DATE
WHERE length(cached_embeddings.vector) <> length(excluded.vector)
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
        self._grown: dict[UUID, tuple[OrgScope, int]] = {}

    async def find(self, scope: OrgScope, fingerprint: str, hashes: Sequence[bytes]) -> dict[bytes, bytes]:
        """The vectors that are known, as little-endian float32."""
        given = {"org_id": scope.org_id, "fingerprint": fingerprint, "hashes": list(set(hashes))}
        async with self._uow(scope) as work:
            found = {row.text_hash: row.vector for row in await work.session.execute(_FIND, given)}
            if found:
                await work.session.execute(_TOUCH, given | {"hashes": sorted(found)})
        return found

    async def keep(self, scope: OrgScope, fingerprint: str, vectors: Mapping[bytes, bytes]) -> None:
        """Remember vectors by the hashes of their texts. One that is there stays, if it is as long."""
        given = {"org_id": scope.org_id, "fingerprint": fingerprint}
        async with self._uow(scope) as work:
            columns = {"hashes": list(vectors), "vectors": list(vectors.values())}
            await work.session.execute(_KEEP, given | columns)
        # What grew before this process began is not known: it is looked at with the first vectors.
        _, grown = self._grown.get(scope.org_id, (scope, _LOOK_AFTER))
        self._grown[scope.org_id] = (scope, grown + len(vectors))

    async def trim(self) -> int:
        """Forget some of what is beyond the bound, of one organization that grew; gives how many vectors that were."""
        due = next((scope for scope, grown in self._grown.values() if grown >= _LOOK_AFTER), None)
        if due is None:
            return 0
        async with self._uow(due) as work:
            count = int(await work.session.scalar(_COUNT, {"org_id": due.org_id}) or 0)
            excess = min(count - self._most * 9 // 10, _AT_ONCE) if count > self._most else 0
            if excess:
                await work.session.execute(_TRIM, {"org_id": due.org_id, "excess": excess})
        if count - excess <= self._most:
            self._grown[due.org_id] = (due, 0)
        return excess


class Vectors(Sequence[Sequence[float]]):
    """Many vectors in little memory: four bytes a number until one is looked at."""

    def __init__(self, packed: Sequence[bytes]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, at: int) -> Sequence[float]: ...

    @overload
    def __getitem__(self, at: slice) -> Vectors: ...

    def __getitem__(self, at: int | slice) -> Sequence[float] | Vectors:
        return Vectors(self._packed[at]) if isinstance(at, slice) else unpacked(self._packed[at])


def hash_of(embedded: str) -> bytes:
    """By what a text is known."""
    return hashlib.sha256(embedded.encode("utf-8", "surrogatepass")).digest()


def packed(vector: Sequence[float]) -> bytes:
    """A vector as little-endian float32."""
    return _little_endian(array("f", vector)).tobytes()


def length_of(data: bytes) -> int:
    """How many numbers such a vector has."""
    return len(data) // 4


def unpacked(data: bytes) -> array[float]:
    """A vector from little-endian float32."""
    return _little_endian(array("f", data))


def _little_endian(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
