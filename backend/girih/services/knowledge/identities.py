"""Which embedder a collection's vectors come from, so that no other's are ever mixed in or compared."""

from __future__ import annotations

import asyncio

from girih.errors import Conflict
from girih.providers.embeddings.base import Embedder, identity_of
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.tables import Collection


async def embedder_of(collection: Collection, embedders: Embedders) -> Embedder:
    """The embedder the vectors came from, else the author's choice. Raises `Unavailable`, `Conflict`."""
    name = collection.embedder_name or collection.embedder
    # Making one may read a model's files.
    embedder = await asyncio.to_thread(embedders.get, name)
    if collection.embedder_name is not None:
        _check(collection, embedder)
    return embedder


def bind(collection: Collection, embedder: Embedder) -> None:
    """Record the embedder with the collection's first vectors, or make sure that it is the recorded one."""
    if collection.embedder_name is not None:
        _check(collection, embedder)
        return
    identity = identity_of(embedder)
    collection.embedder_name = identity.name
    collection.embedder_model = identity.model
    collection.embedder_dims = identity.dims
    collection.embedder_fingerprint = identity.fingerprint


def _check(collection: Collection, embedder: Embedder) -> None:
    known = collection.embedder_fingerprint, collection.embedder_dims
    dims = embedder.dims or collection.embedder_dims
    if known != (embedder.fingerprint, dims):
        raise Conflict(
            f"collection `{collection.name}` was embedded with {collection.embedder_model}, "
            f"and this server would embed with {embedder.model}",
            help="set the embedder back, or bring the documents into a new collection",
        )
