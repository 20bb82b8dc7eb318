"""Vectors on a Qdrant server, each index in a collection of its own, through Qdrant's own client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from girih.errors import Conflict, Unavailable
from girih.providers.outbound import guarded_transport
from girih.providers.stores.base import SECONDS, Near, Point, require_length

_log = logging.getLogger(__name__)

_BATCH = 128
_EF = 128
"""Candidates that a search goes through at the least."""
_PASSING = (408, 409, 423, 425, 429)
"""Refusals that are none a little later; those from 500 on are taken so as well."""


def open_qdrant(url: str, key: str) -> QdrantStore:
    """The server at `url`, which alone is ever asked; `key` may be empty."""
    headers = {"api-key": key} if key else {}
    # Without the check of versions: that one would go out unguarded, on a thread of its own.
    client = AsyncQdrantClient(
        url=url,
        port=None,
        headers=headers,
        timeout=round(SECONDS),
        check_compatibility=False,
        transport=guarded_transport(url),
        trust_env=False,
        follow_redirects=False,
    )
    return QdrantStore(client)


class QdrantStore:
    """See `VectorStore`."""

    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client

    async def prepare(self, index: UUID, dims: int) -> None:
        """Make the index's collection, or make sure that the one that is there fits."""
        name = _name(index)
        async with _faults():
            if not await self._client.collection_exists(name):
                await self._make(name, dims)
            found = (await self._client.get_collection(name)).config.params.vectors
        if not isinstance(found, models.VectorParams) or found.distance != models.Distance.COSINE:
            raise Conflict(f"the Qdrant collection {name} was not made by girih", help="remove it, or rename it")
        require_length("Qdrant collection", found.size, dims)

    async def put(self, index: UUID, points: Sequence[Point]) -> None:
        """Keep the points, and return when they can be found."""
        for at in range(0, len(points), _BATCH):
            batch = [
                models.PointStruct(id=str(one.id), vector=list(one.vector), payload=dict(one.payload))
                for one in points[at : at + _BATCH]
            ]
            async with _faults():
                await self._client.upsert(_name(index), batch, wait=True)

    async def search(
        self, index: UUID, vector: Sequence[float], depth: int, among: Sequence[UUID] | None = None
    ) -> Near:
        """The nearest points, by HNSW where the collection is large."""
        condition = None
        if among is not None:
            condition = models.Filter(must=[models.HasIdCondition(has_id=[str(one) for one in among])])
        async with _faults():
            try:
                found = await self._client.query_points(
                    _name(index),
                    query=list(vector),
                    query_filter=condition,
                    search_params=models.SearchParams(hnsw_ef=max(_EF, depth)),
                    limit=depth,
                    with_payload=False,
                )
            except (UnexpectedResponse, ValueError) as fault:
                _require_absent(fault)
                return []
        return [(UUID(str(one.id)), float(one.score)) for one in found.points]

    async def remove(self, index: UUID, ids: Sequence[UUID]) -> None:
        """Forget these points."""
        for at in range(0, len(ids), _BATCH):
            batch = models.PointIdsList(points=[str(one) for one in ids[at : at + _BATCH]])
            async with _faults():
                try:
                    await self._client.delete(_name(index), batch, wait=True)
                except (UnexpectedResponse, ValueError) as fault:
                    _require_absent(fault)

    async def drop(self, index: UUID) -> None:
        """Forget the index's collection."""
        async with _faults():
            await self._client.delete_collection(_name(index))

    async def count(self, index: UUID) -> int:
        """How many points the index has."""
        async with _faults():
            try:
                return (await self._client.count(_name(index), exact=True)).count
            except (UnexpectedResponse, ValueError) as fault:
                _require_absent(fault)
                return 0

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _make(self, name: str, dims: int) -> None:
        shape = models.VectorParams(size=dims, distance=models.Distance.COSINE)
        try:
            await self._client.create_collection(name, vectors_config=shape)
        except UnexpectedResponse as fault:
            if fault.status_code != 409:  # another worker made it in the meantime
                raise


def _name(index: UUID) -> str:
    return f"girih-{index}"


def _require_absent(fault: UnexpectedResponse | ValueError) -> None:
    """Pass over a collection that is not there, which the client's local mode says in words only; raise all else."""
    known = fault.status_code == 404 if isinstance(fault, UnexpectedResponse) else "not found" in str(fault)
    if not known:
        raise fault


@asynccontextmanager
async def _faults() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except UnexpectedResponse as fault:
        _log.warning("qdrant: %s %s", fault.status_code, fault.reason_phrase)
        status = fault.status_code or 500
        if status >= 500 or status in _PASSING:
            raise _silent() from fault
        raise _refused(status) from fault
    except (ResponseHandlingException, ResourceExhaustedResponse, TimeoutError, OSError) as fault:
        _log.warning("qdrant: %s", type(fault).__name__)
        raise _silent() from fault


def _silent() -> Unavailable:
    return Unavailable("the vector store (Qdrant) does not answer", help="try again in a moment")


def _refused(status: int) -> Conflict | Unavailable:
    if status in (401, 403):
        return Unavailable("the vector store (Qdrant) does not accept this server's key", help="see to its key")
    return Conflict(f"the vector store (Qdrant) refused what it was sent, with status {status}")
