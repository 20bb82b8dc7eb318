"""The rows of domain events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.events.schemas import EventOut
from girih.services.events.tables import DomainEvent


def out(row: DomainEvent) -> EventOut:
    """The row as doors see it."""
    return EventOut(id=str(row.id), type=row.type, data=row.data, key=row.key, at=row.at, source=row.source)


async def lock_type(work: Work, scope: OrgScope, type: str) -> None:
    """Let nobody begin to wait for events of the type until the transaction ends. Call it before rows are locked."""
    await work.session.execute(select(func.lock_event_type(scope.org_id, scope.project_id, type)))


async def add(
    work: Work, scope: OrgScope, type: str, data: JsonObject, *, key: str | None, source: str
) -> DomainEvent | None:
    """Add an event; `None` when the key is taken."""
    number = new_id()
    statement = (
        insert(DomainEvent)
        .values(
            id=number,
            org_id=scope.org_id,
            project_id=scope.project_id,
            type=type,
            key=key or str(number),
            data=data,
            at=func.clock_timestamp(),
            source=source,
        )
        .on_conflict_do_nothing(index_elements=["org_id", "project_id", "key"])
        .returning(DomainEvent)
    )
    row: DomainEvent | None = (await work.session.scalars(statement)).one_or_none()
    return row


async def with_key(work: Work, scope: OrgScope, key: str) -> DomainEvent:
    """The project's event with that key."""
    query = select(DomainEvent).where(
        DomainEvent.org_id == scope.org_id, DomainEvent.project_id == scope.project_id, DomainEvent.key == key
    )
    return (await work.session.scalars(query)).one()


async def events(
    work: Work, scope: OrgScope, *, type: str | None, before: UUID | None, limit: int
) -> Sequence[DomainEvent]:
    """The project's events, the newest first, from below the id `before`."""
    query = select(DomainEvent).where(DomainEvent.org_id == scope.org_id, DomainEvent.project_id == scope.project_id)
    for wanted in (
        DomainEvent.type == type if type is not None else None,
        DomainEvent.id < before if before is not None else None,
    ):
        query = query if wanted is None else query.where(wanted)
    return (await work.session.scalars(query.order_by(DomainEvent.id.desc()).limit(limit))).all()


async def forget(work: Work, scope: OrgScope, before: datetime, most: int) -> int:
    """Delete the project's oldest events from before that moment, at most `most`; gives how many."""
    row = DomainEvent
    mine = row.org_id == scope.org_id, row.project_id == scope.project_id
    old = select(row.id).where(*mine, row.at < before).order_by(row.at).limit(most)
    gone = delete(row).where(*mine, row.id.in_(old)).returning(row.id)
    return len((await work.session.scalars(gone)).all())
