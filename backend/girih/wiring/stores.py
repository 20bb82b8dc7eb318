"""The vector stores that the operator has bound: their addresses, their keys, and the libraries that speak to them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from girih.errors import InvalidInput, Unavailable
from girih.language.spec.pipelines import StoreType
from girih.providers.stores.base import Binding, VectorStore, VectorStores
from girih.settings import Settings

_TYPES: dict[str, StoreType] = {"qdrant": "qdrant", "pinecone": "pinecone"}


def open_stores(stack: AsyncExitStack, settings: Settings) -> VectorStores:
    """The stores, closed with the stack.

    Raises `InvalidInput` for an address or a key that cannot work, and `Unavailable` where an extra is missing.
    """
    keys = {name: key.get_secret_value() for name, key in settings.vector_store_keys.items()}
    unknown = sorted(keys.keys() - settings.vector_stores.keys())
    if unknown:
        raise InvalidInput(
            f"GIRIH_VECTOR_STORE_KEYS names '{unknown[0]}', which GIRIH_VECTOR_STORES does not", help="name it in both"
        )
    bound = dict(_bound(name, address, keys.get(name, "")) for name, address in settings.vector_stores.items())
    stores = VectorStores(bound)
    stack.push_async_callback(stores.aclose)
    return stores


def _bound(name: str, address: str, key: str) -> tuple[Binding, Callable[[], VectorStore]]:
    prefix, _, url = address.partition("+")
    parts = urlsplit(url)
    if prefix not in _TYPES or parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(
            f"GIRIH_VECTOR_STORES gives '{name}' an address that is no vector store's",
            help="write it as `qdrant+http://host:6333` or `pinecone+https://INDEX-HOST`",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidInput(
            f"GIRIH_VECTOR_STORES gives '{name}' an address with more than a host and a path in it",
            help="a key belongs into GIRIH_VECTOR_STORE_KEYS",
        )
    type_ = _TYPES[prefix]
    if type_ == "pinecone" and not key:
        raise InvalidInput(f"the Pinecone index '{name}' has no key", help="set it in GIRIH_VECTOR_STORE_KEYS")
    return (type_, name), _opening(type_, name, url, key)


def _opening(type_: StoreType, name: str, url: str, key: str) -> Callable[[], VectorStore]:
    try:
        module = importlib.import_module(f"girih.providers.stores.{type_}")
    except ImportError as fault:
        raise Unavailable(
            f"GIRIH_VECTOR_STORES names the {type_} '{name}', and what speaks to it is not installed",
            help=f'install it: pip install "girih[{type_}]"',
        ) from fault
    make: Callable[[str, str], VectorStore] = getattr(module, f"open_{type_}")
    return lambda: make(url, key)
