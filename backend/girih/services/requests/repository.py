"""The rows of idempotency keys."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.requests.tables import IdempotencyKey


async def take(
    work: Work, scope: OrgScope, key: str, *, route: str, request_hash: str, hold: timedelta, keep: timedelta
) -> bool:
    """Take the key for a request that begins now. False when it is taken; one whose time is over counts as free."""
    values = {
        "route": route,
        "request_hash": request_hash,
        "held_until": func.now() + hold,
        "expires_at": func.now() + keep,
    }
    statement = insert(IdempotencyKey).values(org_id=scope.org_id, project_id=scope.project_id, key=key, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["org_id", "project_id", "key"],
        set_={**values, "status": None, "headers": None, "response": None},
        where=IdempotencyKey.expires_at <= func.now(),
    )
    return (await work.session.execute(statement.returning(IdempotencyKey.key))).one_or_none() is not None


async def found(work: Work, scope: OrgScope, key: str) -> IdempotencyKey | None:
    """The project's key."""
    row: IdempotencyKey | None = await work.session.scalar(select(IdempotencyKey).where(*_one(scope, key)))
    return row


async def take_over(work: Work, scope: OrgScope, key: str, *, hold: timedelta) -> bool:
    """Take a key whose request began but was never answered, because its process ended."""
    statement = (
        update(IdempotencyKey)
        .where(*_one(scope, key), IdempotencyKey.status.is_(None), IdempotencyKey.held_until <= func.now())
        .values(held_until=func.now() + hold)
        .returning(IdempotencyKey.key)
    )
    return (await work.session.execute(statement)).one_or_none() is not None


async def answer(
    work: Work, scope: OrgScope, key: str, *, status: int, headers: dict[str, str], response: bytes
) -> None:
    """Keep what was answered."""
    await work.session.execute(
        update(IdempotencyKey).where(*_one(scope, key)).values(status=status, headers=headers, response=response)
    )


async def free(work: Work, scope: OrgScope, key: str) -> None:
    """Let the key be used again: its request did nothing."""
    await work.session.execute(delete(IdempotencyKey).where(*_one(scope, key), IdempotencyKey.status.is_(None)))


async def forget_old(work: Work, scope: OrgScope, most: int) -> int:
    """Remove the project's keys whose time is over, at most `most`; gives how many."""
    row = IdempotencyKey
    mine = row.org_id == scope.org_id, row.project_id == scope.project_id
    old = select(row.key).where(*mine, row.expires_at <= func.now()).limit(most)
    gone = delete(row).where(*mine, row.key.in_(old), row.expires_at <= func.now()).returning(row.key)
    return len((await work.session.scalars(gone)).all())


def _one(scope: OrgScope, key: str) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKey.org_id == scope.org_id,
        IdempotencyKey.project_id == scope.project_id,
        IdempotencyKey.key == key,
    )
