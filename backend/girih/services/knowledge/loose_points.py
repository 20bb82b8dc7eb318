"""The rows of points on outside stores that are to be looked at: held while they are put, due when they may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import INTERVAL

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.pipelines import StoreStep, StoreType
from girih.services.knowledge.tables import SearchIndex

_HOLD = text("""
INSERT INTO loose_points (org_id, index_id, point_id, store_type, endpoint, due_at)
SELECT :org_id, :index_id, p, :type, :endpoint, now() + :kept FROM unnest(CAST(:ids AS uuid[])) p ORDER BY p
ON CONFLICT (org_id, index_id, point_id) DO UPDATE SET due_at = excluded.due_at
""").bindparams(bindparam("kept", type_=INTERVAL))

_SETTLE = text("""
DELETE FROM loose_points WHERE org_id = :org_id AND index_id = :index_id AND point_id = ANY(:ids) RETURNING point_id
""")

_DUE = text("""
SELECT DISTINCT org_id, index_id, store_type, endpoint FROM
  (SELECT * FROM loose_points WHERE due_at <= now() ORDER BY random() LIMIT :limit) p
""")

# Whoever puts one of them there again waits until they are gone, and puts them after that.
_TAKE = text("""
SELECT p.point_id, EXISTS (SELECT FROM chunks c WHERE c.org_id = p.org_id AND c.id = p.point_id) AS is_needed
FROM loose_points p
WHERE p.org_id = :org_id AND p.index_id = :index_id AND p.due_at <= now()
ORDER BY p.point_id LIMIT :limit FOR UPDATE OF p SKIP LOCKED
""")

_FORGET = text("DELETE FROM loose_points WHERE org_id = :org_id AND index_id = :index_id AND due_at <= now()")

_INDEX = text("SELECT EXISTS (SELECT FROM search_indexes WHERE org_id = :org_id AND id = :index_id)")


@dataclass(frozen=True)
class Leftover:
    """Something of an index that is due on a store."""

    scope: OrgScope
    index_id: UUID
    type: StoreType
    endpoint: str


async def hold(work: Work, index: SearchIndex, store: StoreStep, ids: Sequence[UUID], kept: timedelta) -> None:
    """Note points before they are put: if their passages never come, they are removed after that time."""
    place = {"type": store.type, "endpoint": store.endpoint}
    await work.session.execute(_HOLD, _whose(index) | place | {"ids": list(ids), "kept": kept})


async def settle(work: Work, index: SearchIndex, ids: Sequence[UUID]) -> bool:
    """Let points stay, whose passages are written in this transaction; `False` if any was removed in the meantime."""
    held = await work.session.scalars(_SETTLE, _whose(index) | {"ids": list(ids)})
    return len(held.all()) == len(ids)


async def due(work: Work, limit: int) -> list[Leftover]:
    """What is due, of all organizations; works in a transaction that reads for `reconcile`."""
    rows = await work.session.execute(_DUE, {"limit": limit})
    # Points belong to an organization: no project is spoken for.
    return [Leftover(OrgScope(row[0], UUID(int=0), actor="worker"), *row[1:]) for row in rows]


async def take(work: Work, leftover: Leftover, limit: int) -> list[tuple[UUID, bool]]:
    """Some of what is due, held to the end of the transaction: ids, and whether their passages are there."""
    rows = await work.session.execute(_TAKE, _of(leftover) | {"limit": limit})
    return [(row[0], row[1]) for row in rows]


async def forget(work: Work, leftover: Leftover, ids: Sequence[UUID]) -> None:
    """These were seen to."""
    await work.session.execute(_SETTLE, _of(leftover) | {"ids": list(ids)})


async def forget_index(work: Work, leftover: Leftover) -> None:
    """All that is due of the index was seen to."""
    await work.session.execute(_FORGET, _of(leftover))


async def has_index(work: Work, leftover: Leftover) -> bool:
    """Whether the index is still there."""
    return bool(await work.session.scalar(_INDEX, _of(leftover)))


def _whose(index: SearchIndex) -> dict[str, object]:
    return {"org_id": index.org_id, "index_id": index.id}


def _of(leftover: Leftover) -> dict[str, object]:
    return {"org_id": leftover.scope.org_id, "index_id": leftover.index_id}
