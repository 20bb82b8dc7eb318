"""The store: JSON objects that apps keep by namespace and key, filtered by their values and found by meaning."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound
from girih.language.spec.tree import JsonObject
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.ladder import Embedders
from girih.services.store import repository
from girih.services.store.schemas import (
    ItemIn,
    ItemList,
    ItemOut,
    ItemsWanted,
    NamespaceList,
    NamespacesWanted,
)
from girih.services.store.tables import StoreItem
from girih.services.store.texts import MAX_TEXT, texts_of

MAX_VALUE = 1_000_000
"""Characters of an item's JSON."""

MAX_ITEMS = 1_000_000
"""Items of one project."""

_AT_ONCE = 200


class StoreService:
    """The items of all projects. No transaction is open while texts are embedded."""

    def __init__(self, uow: UnitOfWork, embedders: Embedders, *, max_items: int = MAX_ITEMS) -> None:
        self._uow = uow
        self._embedders = embedders
        self._max_items = max_items

    async def put(self, scope: OrgScope, body: ItemIn) -> None:
        """Keep an item. Raises `InvalidInput`, `Conflict` for one too many, `Unavailable` without an embedder."""
        _require_storable(body.value)
        _require_storable([*body.namespace, body.key])
        texts = texts_of(body.value, body.index or [])
        vectors, fingerprint = {}, ""
        if texts:
            embedder = await self._embedder()
            made = await embedder.embed(list(texts.values()))
            vectors = {path: (texts[path], vector) for path, vector in zip(texts, made, strict=True)}
            fingerprint = embedder.fingerprint
        ttl = timedelta(seconds=body.ttl) if body.ttl is not None else None
        async with self._uow(scope) as work:
            await repository.sweep(work, scope, _AT_ONCE)
            known = await repository.item(work, scope, body.namespace, body.key)
            if known is None and await repository.count(work, scope, self._max_items) >= self._max_items:
                raise Conflict(
                    f"the project's store holds {self._max_items:,} items, no more fit in", help="delete some"
                )
            number = await repository.put(work, scope, body.namespace, body.key, body.value, ttl)
            await repository.add_vectors(work, scope, number, fingerprint, vectors)

    async def get(self, scope: OrgScope, namespace: Sequence[str], key: str, *, refresh: bool = True) -> ItemOut:
        """The item of that key; its time to live begins anew, unless `refresh` is off. Raises `NotFound`."""
        async with self._uow(scope) as work:
            found = await repository.item(work, scope, namespace, key)
            if found is None:
                raise NotFound(f"there is no item '{key[:100]}' in the namespace {list(namespace)}")
            shown = _out(found, None)
            if refresh:
                await repository.refresh(work, scope, [found])
        return shown

    async def delete(self, scope: OrgScope, namespace: Sequence[str], key: str) -> None:
        """Delete the item of that key, if there is one."""
        async with self._uow(scope) as work:
            await repository.remove(work, scope, namespace, key)

    async def search(self, scope: OrgScope, wanted: ItemsWanted) -> ItemList:
        """The items that fit, by meaning where there is a query. Raises `InvalidInput`, `Unavailable`."""
        _require_storable([*wanted.namespace_prefix, wanted.filter])
        query = (wanted.query or "").strip()[:MAX_TEXT]
        embedder = await self._embedder() if query else None
        vector: list[float] = []
        if embedder is not None:
            [vector] = await embedder.embed([query])
            await self._embed_anew(scope, wanted, embedder)
        async with self._uow(scope) as work:
            if embedder is None:
                found = await repository.latest(work, scope, wanted)
            else:
                found = await repository.nearest(work, scope, wanted, embedder.fingerprint, vector)
            shown = [_out(row, score) for row, score in found]
            if wanted.refresh_ttl:
                await repository.refresh(work, scope, [row for row, _ in found])
        return ItemList(items=shown)

    async def namespaces(self, scope: OrgScope, wanted: NamespacesWanted) -> NamespaceList:
        """The namespaces that hold items."""
        async with self._uow(scope) as work:
            return NamespaceList(namespaces=await repository.namespaces(work, scope, wanted))

    async def _embed_anew(self, scope: OrgScope, wanted: ItemsWanted, embedder: Embedder) -> None:
        """Make vectors comparable that another embedder made: the operator may have chosen a new one."""
        while True:
            async with self._uow(scope) as work:
                old = await repository.of_others(work, scope, wanted, embedder.fingerprint, _AT_ONCE)
            if not old:
                return
            vectors = await embedder.embed([text for _, _, text in old])
            async with self._uow(scope) as work:
                for place, vector in zip(old, vectors, strict=True):
                    await repository.embed_anew(work, scope, place, embedder.fingerprint, vector)

    async def _embedder(self) -> Embedder:
        return await asyncio.to_thread(self._embedders.get, "default")  # making one may read a model's files


def _require_storable(value: JsonObject | list[object]) -> None:
    if len(json.dumps(value, ensure_ascii=False)) > MAX_VALUE:
        raise InvalidInput(f"an item holds at most {MAX_VALUE:,} characters of JSON", help="divide it into several")
    if not _is_storable(value):
        raise InvalidInput("an item can hold no NUL and no half of a character: it could not be searched")


def _is_storable(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" not in value and value == value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return all(map(_is_storable, value)) and all(map(_is_storable, value.values()))
    return all(map(_is_storable, value)) if isinstance(value, list) else True


def _out(row: StoreItem, score: float | None) -> ItemOut:
    return ItemOut(
        namespace=row.namespace,
        key=row.key,
        value=row.value,
        created_at=row.created_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        score=score,
    )
