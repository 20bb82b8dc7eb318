"""What the operator has bound here: the embedders that can be made, and the servers that vectors may be kept on."""

from __future__ import annotations

from collections.abc import Collection

from girih.errors import SpecRefused, Unavailable
from girih.language.spec.pipelines import StoreType
from girih.providers.embeddings.ladder import Embedders
from girih.services.knowledge.index_config import IndexConfig


class Bindings:
    """`stores` are types of stores with the names of their endpoints; the database itself is always there."""

    def __init__(self, embedders: Embedders, stores: Collection[tuple[StoreType, str]] = ()) -> None:
        self._embedders = embedders
        self._stores = frozenset(stores)

    def require(self, config: IndexConfig, collection: str) -> None:
        """Raises `Conflict` for what a collection needs and this server lacks."""
        store = config.store
        if store.type != "pgvector" and (store.type, store.endpoint) not in self._stores:
            bound = sorted(name for type_, name in self._stores if type_ == store.type)
            known = f"bound here: {', '.join(bound)}" if bound else f"no {store.type} is bound here"
            raise SpecRefused(
                f"collection `{collection}` keeps its vectors on the {store.type} `{store.endpoint}`, "
                "which this server does not know",
                [("collection/v1", collection, ("pipeline",))],
                help=f"{known}; let the operator bind it, or write store: {{ type: pgvector }}",
            )
        try:
            self._embedders.require(config.embedder)
        except Unavailable as fault:
            raise SpecRefused(
                f"collection `{collection}` cannot be embedded here: {fault.message}",
                # Its own word, or its pipeline's.
                [("collection/v1", collection, ("embedder",)), ("collection/v1", collection, ("pipeline",))],
                help=fault.help,
            ) from fault
