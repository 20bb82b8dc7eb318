"""Domain events: published once for each key, and handed in the same transaction to whoever waits for them."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import BadCursor, InvalidInput
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.events import repository
from girih.services.events.schemas import EventOut, EventPage

Subscriber: TypeAlias = Callable[[Work, OrgScope, EventOut], Awaitable[Callable[[], None]]]
"""Called with each new event in its own transaction; what it returns is called when that has committed."""

MOST_EVENTS = 200
"""Events on one page of a list."""


class EventService:
    """Publishes and lists the domain events of projects."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` in the transaction of each new event."""
        self._subscribers.append(subscriber)

    async def publish(
        self, scope: OrgScope, type: str, data: JsonObject, *, key: str | None = None, source: str | None = None
    ) -> EventOut:
        """Publish an event. With a key that was used before, gives the event of then.

        Raises `InvalidInput` for data that cannot be kept, and for a key that was used for another event.
        """
        if fault := _fault(data, 0):
            raise InvalidInput(f"the event's data {fault}")
        async with self._uow(scope) as work:
            await repository.lock_type(work, scope, type)
            row = await repository.add(work, scope, type, data, key=key, source=source or scope.actor)
            if row is None:
                return _same(repository.out(await repository.with_key(work, scope, key or "")), type, data)
            event = repository.out(row)
            after = [await subscriber(work, scope, event) for subscriber in self._subscribers]
        for call in after:
            call()
        return event

    async def ready(self, work: Work, scope: OrgScope, types: Sequence[str]) -> None:
        """Make sure, before any row is locked, that events of these types can be told in the transaction."""
        for one in sorted(types):
            await repository.lock_type(work, scope, one)

    async def tell(self, work: Work, scope: OrgScope, type: str, data: JsonObject) -> list[Callable[[], None]]:
        """Publish an event in a transaction that is open; see `ready`.

        What is returned is to be called once the transaction has committed.
        """
        row = await repository.add(work, scope, type, data, key=None, source=scope.actor)
        assert row is not None  # noqa: S101 - its key is its own id
        return [await subscriber(work, scope, repository.out(row)) for subscriber in self._subscribers]

    async def events(
        self, scope: OrgScope, *, type: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> EventPage:
        """The project's events, the newest first; `cursor` is the `next` of the page before."""
        if not 1 <= limit <= MOST_EVENTS:
            raise InvalidInput(f"a page holds 1 to {MOST_EVENTS} events, not {limit}")
        before = _cursor(cursor)
        async with self._uow(scope) as work:
            rows = await repository.events(work, scope, type=type, before=before, limit=limit + 1)
            items = [repository.out(row) for row in rows[:limit]]
        return EventPage(items=items, next=items[-1].id if len(rows) > limit else None)


def _same(known: EventOut, type: str, data: JsonObject) -> EventOut:
    if (known.type, known.data) != (type, data):
        raise InvalidInput("this key was used for another event", help="use a new key for a new event", id=known.id)
    return known


def _fault(value: JsonValue, depth: int) -> str | None:
    """Why the database could not search in the value, if it could not."""
    if depth > 64:
        return "is nested more than 64 deep"
    if isinstance(value, str):
        broken = "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value)
        return "holds text that cannot be compared (NUL, or half a character)" if broken else None
    if isinstance(value, float) and not math.isfinite(value):
        return "holds a number that JSON does not have"
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((fault for part in parts if (fault := _fault(part, depth + 1))), None)


def _cursor(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise BadCursor(
            "the cursor is not one of a page of events", help="send the `next` of the page before"
        ) from None
