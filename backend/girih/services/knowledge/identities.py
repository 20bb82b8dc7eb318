"""Which embedder an index's vectors come from, so that no other's are ever mixed in or compared."""

from __future__ import annotations

import asyncio

from girih.errors import Conflict
from girih.providers.embeddings.base import Embedder, identity_of
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


def bind(index: SearchIndex, embedder: Embedder) -> None:
    """Record the embedder with the index's first vectors, or make sure that it is the recorded one."""
    if index.embedder_name is not None:
        _check(index, embedder)
        return
    identity = identity_of(embedder)
    index.embedder_name = identity.name
    index.embedder_model = identity.model
    index.embedder_dims = identity.dims
    index.embedder_fingerprint = identity.fingerprint


def _check(index: SearchIndex, embedder: Embedder) -> None:
    known = index.embedder_fingerprint, index.embedder_dims
    dims = embedder.dims or index.embedder_dims
    if known != (embedder.fingerprint, dims):
        raise Conflict(
            f"the collection was embedded with {index.embedder_model}, "
            f"and this server would embed with {embedder.model}",
            help="set the embedder back, or bring the documents into a new collection",
        )
