"""The rows of cached results."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.results.tables import CachedResult


def _mine(scope: OrgScope) -> list[ColumnElement[bool]]:
    return [CachedResult.org_id == scope.org_id, CachedResult.project_id == scope.project_id]


async def get(work: Work, scope: OrgScope, key: str) -> bytes | None:
    """The result under the key, if it still lives."""
    query = select(CachedResult.data).where(
        *_mine(scope), CachedResult.key == key, CachedResult.expires_at > func.now()
    )
    data: bytes | None = await work.session.scalar(query)
    return data


async def put(work: Work, scope: OrgScope, key: str, data: bytes, ttl: float) -> None:
    """Keep a result in the place of the one before."""
    row = {"data": data, "created_at": func.now(), "expires_at": func.now() + timedelta(seconds=ttl)}
    statement = insert(CachedResult).values(org_id=scope.org_id, project_id=scope.project_id, key=key, **row)
    await work.session.execute(
        statement.on_conflict_do_update(index_elements=["org_id", "project_id", "key"], set_=row)
    )


async def forget_expired(work: Work, scope: OrgScope, most: int) -> int:
    """Delete what has expired in the project, at most `most`; gives how many."""
    due = select(CachedResult.key).where(*_mine(scope), CachedResult.expires_at <= func.now()).limit(most)
    gone = delete(CachedResult).where(*_mine(scope), CachedResult.key.in_(due), CachedResult.expires_at <= func.now())
    return len((await work.session.scalars(gone.returning(CachedResult.key))).all())


async def sweep(work: Work, scope: OrgScope, *, keep: int, most: int) -> None:
    """Delete what has expired, and the oldest above `keep`: at most `most` rows of each."""
    due = select(CachedResult.key).where(*_mine(scope), CachedResult.expires_at <= func.now()).limit(most)
    old = (
        select(CachedResult.key).where(*_mine(scope)).order_by(CachedResult.created_at.desc()).offset(keep).limit(most)
    )
    for keys in (due, old):
        await work.session.execute(delete(CachedResult).where(*_mine(scope), CachedResult.key.in_(keys)))
