"""How long things are kept, by the operator's settings, and the sweeper that removes the rest."""

from __future__ import annotations

from contextlib import AsyncExitStack

from girih.db.unit_of_work import UnitOfWork
from girih.services.retention.schemas import KINDS, Retention
from girih.services.retention.service import RetentionService
from girih.services.retention.sweeper import Sweeper
from girih.settings import Settings
from girih.wiring.watching import Telemetry


def make_retention(settings: Settings, uow: UnitOfWork) -> RetentionService:
    """Policies over the installation's days."""
    return RetentionService(uow, Retention(**{name: getattr(settings, f"keep_{name}") for name in KINDS}))


async def start_sweeper(
    stack: AsyncExitStack, settings: Settings, uow: UnitOfWork, retention: RetentionService, telemetry: Telemetry
) -> None:
    """The sweeper, until the stack is closed. It counts what it removes, if anybody asks for numbers."""
    metrics = telemetry.metrics

    def count(kind: str, rows: int) -> None:
        if metrics is not None:
            metrics.removed.labels(kind).inc(rows)

    sweeper = Sweeper(uow, retention, every=settings.sweep_seconds, on_removed=count)
    await sweeper.start()
    stack.push_async_callback(sweeper.stop)
