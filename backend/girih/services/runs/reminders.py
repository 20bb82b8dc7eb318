"""Reminders: a domain event before the time for an answer is over, published once for each question."""

from __future__ import annotations

from contextlib import suppress

from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput
from girih.services.runs import pause_repository
from girih.services.runs.pause_repository import Unreminded
from girih.services.runs.ports import DomainEvents

REMINDER = "interrupt.reminder"
"""The type of the event."""
AT_ONCE = 100


class Reminders:
    """Publishes what is due. The event's key makes one of it, however many processes look and crash.

    `after` is the share of the time to answer that has to be over; with 0 nobody is reminded.
    """

    def __init__(self, uow: UnitOfWork, events: DomainEvents, after: float) -> None:
        self._uow = uow
        self._events = events
        self._after = after

    async def publish_due(self) -> None:
        """Remind of every open question whose time has come."""
        while self._after:
            async with self._uow.reading_for("reconcile") as work:
                due = await pause_repository.unreminded(work, share=self._after, limit=AT_ONCE)
            for one in due:
                await self._publish(one)
            if len(due) < AT_ONCE:
                return

    async def _publish(self, one: Unreminded) -> None:
        key = f"{REMINDER}:{one.data['interrupt_id']}"
        # Somebody used the key for an event of their own, or the question cannot be kept in one: it is not tried again.
        with suppress(InvalidInput):
            await self._events.publish(one.scope, REMINDER, one.data, key=key, source=f"run:{one.data['run_id']}")
        async with self._uow(one.scope) as work:
            await pause_repository.reminded(work, one.pause_id)
