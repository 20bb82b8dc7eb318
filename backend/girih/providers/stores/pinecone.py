"""Vectors in a Pinecone index, each of girih's indexes in a namespace of its own, through Pinecone's own client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from pinecone import AsyncIndex
from pinecone.errors import (
    ApiError,
    ForbiddenError,
    NotFoundError,
    PineconeError,
    RateLimitError,
    ServiceError,
    UnauthorizedError,
)

from girih.errors import Conflict, InvalidInput, Unavailable
from girih.providers.stores.base import SECONDS, Near, Point, require_length

_log = logging.getLogger(__name__)

_NUMBERS = 60_000
"""Numbers of vectors in one request: it may have 2 MB, and a number takes some twenty bytes as text."""
_REMOVED = 1_000
_ID = "id"
"""The part of a point's metadata that repeats its id: conditions cannot name the id itself."""


def open_pinecone(url: str, key: str) -> PineconeStore:
    """The index whose data is at `url`, which alone is ever asked. Raises `InvalidInput` without a key."""
    if not key:
        raise InvalidInput("a Pinecone index is bound without its key", help="set it in GIRIH_VECTOR_STORE_KEYS")
    return PineconeStore(AsyncIndex(host=url, api_key=key, timeout=SECONDS))


class PineconeStore:
    """See `VectorStore`. What was put is found a moment later, not at once: Pinecone promises no more."""

    def __init__(self, client: AsyncIndex) -> None:
        self._client = client

    async def prepare(self, index: UUID, dims: int) -> None:  # noqa: ARG002 - namespaces come with their first point
        """Make sure that the Pinecone index takes such vectors, and compares them by their angle."""
        async with _faults():
            facts = await self._client.describe_index_stats()
        if facts.metric not in (None, "cosine"):
            raise Conflict(f"the Pinecone index compares by {facts.metric}", help="make one with the metric cosine")
        if facts.dimension is not None:
            require_length("Pinecone index", facts.dimension, dims)

    async def put(self, index: UUID, points: Sequence[Point]) -> None:
        """Keep the points."""
        size = max(1, _NUMBERS // max(1, len(points[0].vector))) if points else 1
        for at in range(0, len(points), min(size, 1_000)):
            batch = [
                {"id": str(one.id), "values": list(one.vector), "metadata": dict(one.payload) | {_ID: str(one.id)}}
                for one in points[at : at + min(size, 1_000)]
            ]
            async with _faults():
                await self._client.upsert(vectors=batch, namespace=str(index))

    async def search(
        self, index: UUID, vector: Sequence[float], depth: int, among: Sequence[UUID] | None = None
    ) -> Near:
        """The nearest points."""
        condition = {_ID: {"$in": [str(one) for one in among]}} if among is not None else None
        async with _faults():
            try:
                found = await self._client.query(
                    vector=list(vector), top_k=depth, namespace=str(index), filter=condition
                )
            except NotFoundError:
                return []
        return [(UUID(one.id), float(one.score)) for one in found.matches]

    async def remove(self, index: UUID, ids: Sequence[UUID]) -> None:
        """Forget these points."""
        for at in range(0, len(ids), _REMOVED):
            async with _faults():
                try:
                    await self._client.delete(ids=[str(one) for one in ids[at : at + _REMOVED]], namespace=str(index))
                except NotFoundError:
                    return

    async def drop(self, index: UUID) -> None:
        """Forget the index's namespace."""
        async with _faults():
            try:
                await self._client.delete_namespace(name=str(index))
            except NotFoundError:
                return

    async def count(self, index: UUID) -> int:
        """How many points the index has, as Pinecone has counted them so far."""
        async with _faults():
            facts = await self._client.describe_index_stats()
        found = facts.namespaces.get(str(index))
        return found.vector_count if found is not None else 0

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.close()


@asynccontextmanager
async def _faults() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except (UnauthorizedError, ForbiddenError) as fault:
        raise Unavailable("Pinecone does not accept this server's key", help="see to its key") from fault
    except (RateLimitError, ServiceError) as fault:
        raise _silent(fault) from fault
    except ApiError as fault:
        _log.warning("pinecone: status %s", fault.status_code)
        raise Conflict(f"Pinecone refused what it was sent, with status {fault.status_code}") from fault
    except (PineconeError, TimeoutError, OSError) as fault:
        raise _silent(fault) from fault


def _silent(fault: Exception) -> Unavailable:
    _log.warning("pinecone: %s", type(fault).__name__)
    return Unavailable("the vector store (Pinecone) does not answer", help="try again in a moment")
