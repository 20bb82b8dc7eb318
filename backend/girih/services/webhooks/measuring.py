"""Counts what is on its way to webhooks, for Prometheus."""

from __future__ import annotations

from girih.db.unit_of_work import UnitOfWork
from girih.services.webhooks import repository

MOST_COUNTED = 100_000
"""More deliveries are not told apart."""


async def count_pending(uow: UnitOfWork) -> int:
    """How many messages have neither arrived nor failed, of all organizations."""
    async with uow.reading_for("reconcile") as work:
        return await repository.pending(work, most=MOST_COUNTED)
