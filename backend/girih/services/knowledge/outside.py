"""Vectors on stores outside of the database: put there before their passages are written, asked before these are read.

The database stays the record. What a store gives counts only where the passage is there and the search may see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import LeaseLost, Unavailable
from girih.providers.embeddings.base import Embedder
from girih.providers.stores.base import DEEPEST, MOST_NAMED, Near, Point, VectorStore, VectorStores
from girih.services.knowledge import index as passages_of
from girih.services.knowledge import loose_points, repository
from girih.services.knowledge.chunking import Passage
from girih.services.knowledge.identities import dims_of
from girih.services.knowledge.leases import Held
from girih.services.knowledge.legs import DOCUMENTS, Leg
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import Where

_BATCH = 256
_KEPT = timedelta(hours=1)
"""How long the points of a document may lie on a store before its passages come."""
_SPARE = 20
"""Points that are asked for beyond those that are wanted: some may be of passages that have just gone."""

_THERE = """
SELECT c.id, c.document_id, c.start, n.score
FROM unnest(CAST(:ids AS uuid[]), CAST(:scores AS float8[])) WITH ORDINALITY AS n (id, score, place)
JOIN chunks c ON c.org_id = :org_id AND c.id = n.id AND c.index_id = :index_id {documents}
WHERE ({where})
ORDER BY n.place
"""

_AMONG = """
SELECT c.id FROM chunks c {documents}
WHERE c.org_id = :org_id AND c.index_id = :index_id AND ({where}) LIMIT :limit
"""

# Every swap of passages writes the row of its index.
_STATE = text("SELECT CAST(xmin AS text) FROM search_indexes WHERE org_id = :org_id AND id = :index_id")


@dataclass(frozen=True)
class View:
    """What a store found for each question, and the state of the index that it was found in."""

    state: str | None
    near: Sequence[Near]


class Outside:
    """Keeps and finds vectors on the stores that the operator has bound."""

    def __init__(self, uow: UnitOfWork, stores: VectorStores) -> None:
        self._uow = uow
        self._stores = stores

    async def put(
        self, held: Held, embedder: Embedder, passages: Sequence[Passage], vectors: Sequence[Sequence[float]]
    ) -> list[UUID]:
        """Put the vectors of a document's passages where their index keeps them; returns the points that now lie there.

        Nothing happens where that is the database. All of them are put, also those of passages that stay: equal
        passages may have other vectors. Raises `Conflict` before anything is put if the vectors do not fit,
        `Unavailable`, and `LeaseLost`.
        """
        async with self._uow(held.scope) as work:
            target = await repository.index_by_id(work, held.scope, held.index_id)
            if target is None:
                raise LeaseLost("the collection was deleted")
            if target.made_by.store.is_database or not passages:
                return []
            dims = dims_of(target, embedder, vectors)
            ids = passages_of.ids_of(target, held.document_id, passages)
            # Before anything is there: whatever happens then, it is found again.
            await loose_points.hold(work, target, target.made_by.store, ids, _KEPT)
        store = self._store_of(target)
        await store.prepare(target.id, dims)
        payload = {"document_id": str(held.document_id)}
        for at in range(0, len(ids), _BATCH):
            some = zip(ids[at : at + _BATCH], vectors[at : at + _BATCH], strict=True)
            await store.put(target.id, [Point(one, vector, payload) for one, vector in some])
        return ids

    async def settle(self, work: Work, index: SearchIndex, points: Sequence[UUID]) -> None:
        """Let the points stay, whose passages are written in this transaction. Raises `Unavailable` if any has gone."""
        if points and not await loose_points.settle(work, index, points):
            raise Unavailable("vectors of the document were removed while it was brought in", help="it is tried again")

    async def look(
        self, scope: OrgScope, index: SearchIndex, where: Where, vectors: Sequence[Sequence[float]], depth: int
    ) -> View | None:
        """Ask the store that has the index's vectors, outside of any transaction; `None` where the database has them.

        Points are asked for until `depth` passages are found that the condition leaves, or there are no more; where it
        leaves few, among those alone. Raises `Unavailable`.
        """
        if index.made_by.store.is_database or not vectors:
            return None
        store = self._store_of(index)
        async with self._uow(scope) as work:
            state = await _state(work, index)
            among = await _among(work, index, where) if where.narrows else None
        return View(state, [await self._near(scope, store, index, where, among, one, depth) for one in vectors])

    async def holds(self, work: Work, index: SearchIndex, view: View | None) -> bool:
        """Whether the index is as it was when the store was asked."""
        return view is None or view.state == await _state(work, index)

    async def _near(
        self,
        scope: OrgScope,
        store: VectorStore,
        index: SearchIndex,
        where: Where,
        among: Sequence[UUID] | None,
        vector: Sequence[float],
        depth: int,
    ) -> Near:
        if among is not None and not among:
            return []
        asked = min(depth + _SPARE, DEEPEST)
        while True:
            near = await store.search(index.id, vector, asked, among)
            if len(near) < asked or asked == DEEPEST:
                return near
            async with self._uow(scope) as work:
                if len(await by_store(work, index, near, depth, where)) >= depth:
                    return near
            asked = min(4 * asked, DEEPEST)

    def _store_of(self, index: SearchIndex) -> VectorStore:
        store = index.made_by.store
        return self._stores.get(store.type, store.endpoint or "")


async def by_store(work: Work, index: SearchIndex, near: Near, depth: int, where: Where) -> Leg:
    """The `depth` nearest passages among what a store found: those that are there, and that the condition leaves."""
    ids, scores = [one for one, _ in near], [score for _, score in near]
    rows = await _rows(work, index, where, _THERE, {"ids": ids, "scores": scores})
    leg: Leg = {}
    for row in rows:
        if len(leg) == depth:
            break
        leg.setdefault((row.document_id, row.start), (row.id, float(row.score)))
    return leg


async def _among(work: Work, index: SearchIndex, where: Where) -> list[UUID] | None:
    """The passages that the condition leaves; `None` if they are too many to be named."""
    rows = await _rows(work, index, where, _AMONG, {"limit": MOST_NAMED + 1})
    return [row.id for row in rows] if len(rows) <= MOST_NAMED else None


async def _rows(
    work: Work, index: SearchIndex, where: Where, statement: str, values: dict[str, Any]
) -> Sequence[Row[Any]]:
    complete = text(statement.format(documents=DOCUMENTS if where.narrows else "", where=where.sql))
    whose = {"org_id": index.org_id, "index_id": index.id}
    return (await work.session.execute(complete, {**where.values, **whose, **values})).all()


async def _state(work: Work, index: SearchIndex) -> str | None:
    found = await work.session.scalar(_STATE, {"org_id": index.org_id, "index_id": index.id})
    return None if found is None else str(found)
