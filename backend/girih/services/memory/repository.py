"""The rows of memories, and the search among them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.memory.tables import MemoryEntry

# Among the vectors of one embedder only: those of another one may have other dimensions.
_NEAREST = text("""
WITH own AS MATERIALIZED (
  SELECT id, embedding FROM memories
  WHERE org_id = :org_id AND project_id = :project_id AND namespace = :namespace AND fingerprint = :fingerprint
    AND (expires_at IS NULL OR expires_at > now())
)
SELECT id, 1 - (embedding <=> CAST(:vector AS vector)) AS score
FROM own ORDER BY embedding <=> CAST(:vector AS vector), id LIMIT :top_k
""")


def _mine(scope: OrgScope) -> list[ColumnElement[bool]]:
    return [MemoryEntry.org_id == scope.org_id, MemoryEntry.project_id == scope.project_id]


def _alive() -> ColumnElement[bool]:
    return or_(MemoryEntry.expires_at.is_(None), MemoryEntry.expires_at > func.now())


async def sweep(work: Work, scope: OrgScope, most: int) -> int:
    """Delete what has expired in the project, at most `most` rows; gives how many."""
    due = select(MemoryEntry.id).where(*_mine(scope), MemoryEntry.expires_at <= func.now()).limit(most)
    gone = delete(MemoryEntry).where(*_mine(scope), MemoryEntry.id.in_(due)).returning(MemoryEntry.id)
    return len((await work.session.scalars(gone)).all())


async def count(work: Work, scope: OrgScope, namespace: str, most: int) -> int:
    """How many entries the namespace has; counted no further than `most`."""
    rows = select(MemoryEntry.id).where(*_mine(scope), MemoryEntry.namespace == namespace).limit(most).subquery()
    return await work.session.scalar(select(func.count()).select_from(rows)) or 0


async def exists(work: Work, scope: OrgScope, namespace: str, key: str) -> bool:
    """Whether the namespace has an entry under that key."""
    query = select(MemoryEntry.id).where(*_mine(scope), MemoryEntry.namespace == namespace, MemoryEntry.key == key)
    return await work.session.scalar(query) is not None


async def put(
    work: Work, scope: OrgScope, *, namespace: str, subject: str | None, key: str, ttl: float | None, **values: Any
) -> UUID:
    """Write the entry of that key, in the place of the one before."""
    expires = None if ttl is None else func.now() + timedelta(seconds=ttl)
    row = {**values, "updated_at": func.now(), "expires_at": expires}
    new = {"id": new_id(), "org_id": scope.org_id, "project_id": scope.project_id, "namespace": namespace}
    statement = insert(MemoryEntry).values(**new, subject=subject, key=key, **row)
    kept = statement.on_conflict_do_update(
        index_elements=["org_id", "project_id", "namespace", "key"], set_=row
    ).returning(MemoryEntry.id)
    return (await work.session.scalars(kept)).one()


async def nearest(
    work: Work, scope: OrgScope, namespace: str, fingerprint: str, vector: list[float], top_k: int
) -> list[tuple[MemoryEntry, float]]:
    """The entries nearest to the vector, with their cosine similarity."""
    values = {"org_id": scope.org_id, "project_id": scope.project_id, "namespace": namespace}
    found = await work.session.execute(
        _NEAREST, {**values, "fingerprint": fingerprint, "vector": str(vector), "top_k": top_k}
    )
    scores: dict[UUID, float] = {row.id: float(row.score) for row in found}
    rows = (await work.session.scalars(select(MemoryEntry).where(*_mine(scope), MemoryEntry.id.in_(scores)))).all()
    return sorted(((row, scores[row.id]) for row in rows), key=lambda pair: (-pair[1], pair[0].id))


async def latest(work: Work, scope: OrgScope, namespace: str, top_k: int) -> Sequence[MemoryEntry]:
    """The entries of a namespace that were written last."""
    query = select(MemoryEntry).where(*_mine(scope), MemoryEntry.namespace == namespace, _alive())
    order = query.order_by(MemoryEntry.updated_at.desc(), MemoryEntry.id.desc())
    return (await work.session.scalars(order.limit(top_k))).all()


async def of_others(work: Work, scope: OrgScope, namespace: str, fingerprint: str, most: int) -> list[tuple[UUID, str]]:
    """Entries whose vectors another embedder made: ids and texts."""
    query = select(MemoryEntry.id, MemoryEntry.text).where(
        *_mine(scope), MemoryEntry.namespace == namespace, MemoryEntry.fingerprint != fingerprint, _alive()
    )
    return [(row[0], row[1]) for row in await work.session.execute(query.limit(most))]


async def embed_anew(work: Work, scope: OrgScope, id: UUID, text: str, fingerprint: str, vector: list[float]) -> None:
    """Replace an entry's vector, unless its text was changed meanwhile."""
    entry = update(MemoryEntry).where(*_mine(scope), MemoryEntry.id == id, MemoryEntry.text == text)
    await work.session.execute(entry.values(embedding=vector, fingerprint=fingerprint))


def _wanted(filters: JsonObject) -> list[ColumnElement[bool]]:
    columns = {"subject": MemoryEntry.subject, "namespace": MemoryEntry.namespace, "key": MemoryEntry.key}
    return [columns[name].is_(None) if value is None else columns[name] == value for name, value in filters.items()]


async def entries(
    work: Work, scope: OrgScope, filters: JsonObject, *, before: UUID | None, limit: int
) -> Sequence[MemoryEntry]:
    """Entries, the newest first, from below the id `before`; `filters` by `subject`, `namespace` and `key`."""
    query = select(MemoryEntry).where(*_mine(scope), *_wanted(filters), _alive())
    if before is not None:
        query = query.where(MemoryEntry.id < before)
    return (await work.session.scalars(query.order_by(MemoryEntry.id.desc()).limit(limit))).all()


async def forget(work: Work, scope: OrgScope, filters: JsonObject) -> int:
    """Delete the entries that fit the filters; gives how many."""
    gone = delete(MemoryEntry).where(*_mine(scope), *_wanted(filters)).returning(MemoryEntry.id)
    return len((await work.session.scalars(gone)).all())
