"""Which embedder an index's vectors come from, so that no other's are ever mixed in or compared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set

from girih.errors import Conflict
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.tables import SearchIndex


async def embedder_of(index: SearchIndex, embedders: Embedders) -> Embedder:
    """The embedder the vectors came from, else the author's choice. Raises `Unavailable`, `Conflict`."""
    name = index.embedder_name or index.made_by.embedder
    # Making one may read a model's files.
    embedder = await asyncio.to_thread(embedders.get, name)
    if index.embedder_name is not None:
        _check(index, embedder)
    return embedder


def bind(index: SearchIndex, embedder: Embedder, vectors: Sequence[Sequence[float]]) -> None:
    """Record the embedder with the index's first vectors, or make sure that these are of the recorded one.

    Called before anything of a document is stored. Raises what `dims_of` raises.
    """
    dims = dims_of(index, embedder, vectors)
    if index.embedder_name is None:
        index.embedder_name, index.embedder_model = embedder.name, embedder.model
        # A remote embedder may not have answered here yet: all that it said was kept from another time.
        index.embedder_dims, index.embedder_fingerprint = dims, embedder.fingerprint


def dims_of(index: SearchIndex, embedder: Embedder, vectors: Sequence[Sequence[float]]) -> int:
    """How many numbers the index's vectors have, and so these.

    Raises `Conflict` for another embedder, and for vectors that are not as long as the index's.
    """
    found = {len(vector) for vector in vectors} or {embedder.dims or index.embedder_dims or 0}
    if index.embedder_name is not None:
        _check(index, embedder)
    dims = min(found) if index.embedder_name is None or index.embedder_dims is None else index.embedder_dims
    require_lengths(index, dims, found, embedder.model)
    return dims


def require_lengths(index: SearchIndex, dims: int, found: Set[int], giver: str) -> None:
    """Raises `Conflict` unless vectors of these lengths are all as long as those of the index, which have `dims`."""
    if found != {dims}:
        lengths = " and ".join(str(length) for length in sorted(found))
        raise Conflict(
            f"index {index.number} holds vectors of {dims} numbers, and {giver} gave {lengths}",
            help="nothing was stored; build a new index of the collection: POST /v1/collections/NAME/indexes",
        )


def _check(index: SearchIndex, embedder: Embedder) -> None:
    if index.embedder_fingerprint != embedder.fingerprint:
        raise Conflict(
            f"the collection was embedded with {index.embedder_model}, "
            f"and this server would embed with {embedder.model}",
            help="set the embedder back, or build a new index: POST /v1/collections/NAME/indexes",
        )
    if embedder.dims and index.embedder_dims:
        require_lengths(index, index.embedder_dims, {embedder.dims}, embedder.model)
