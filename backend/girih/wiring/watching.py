"""What watches runs and requests: budgets, traces, metrics, and where spans are sent."""

from __future__ import annotations

import asyncio
import importlib
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import GirihError, InvalidInput
from girih.language.spec.tree import JsonObject
from girih.providers.pii.scanner import PiiScanner
from girih.providers.telemetry.metrics import Metrics, MetricsServer
from girih.providers.telemetry.spans import SpanSink
from girih.services.events.service import EventService
from girih.services.runs.measuring import RunMetrics, count_waiting
from girih.services.runs.redaction import Redaction
from girih.services.runs.traces import Traces
from girih.services.runs.tracing import RunTracing
from girih.services.runs.watch import RunObserver
from girih.services.usage.allowances import Allowances
from girih.services.usage.service import UsageService
from girih.services.webhooks.measuring import count_pending
from girih.settings import Settings

QUEUE_SECONDS = 10.0
"""How often is counted what waits: runs for a slot, messages for their webhooks."""


@dataclass(frozen=True)
class Telemetry:
    """Where a process tells what it does; each part is there only if the operator asked for it."""

    metrics: Metrics | None = None
    spans: SpanSink | None = None

    def graph_needed(self, is_compiled: bool) -> None:
        """A run needs a graph, which is compiled already or has to be."""
        if self.metrics is not None:
            self.metrics.graphs.labels("hit" if is_compiled else "miss").inc()

    def observers(self) -> tuple[RunObserver, ...]:
        """What watches runs."""
        metrics = [RunMetrics(self.metrics)] if self.metrics is not None else []
        return (*metrics, *([RunTracing(self.spans)] if self.spans is not None else []))


async def open_telemetry(
    stack: AsyncExitStack, settings: Settings, engine: AsyncEngine, uow: UnitOfWork, *, port: int
) -> Telemetry:
    """Opens what the settings ask for; it is closed with the stack. Raises `InvalidInput` and `Unavailable`."""
    spans = _open_spans(stack, settings) if settings.otel else None
    if not port:
        return Telemetry(spans=spans)
    metrics = Metrics()
    metrics.slots.set(settings.run_slots)
    pool = engine.pool
    if isinstance(pool, QueuePool):
        metrics.watch_pool({"used": pool.checkedout, "idle": pool.checkedin})
    stack.enter_context(MetricsServer(metrics, settings.metrics_host, port))
    counting = asyncio.create_task(_count(metrics, uow), name="count what waits")
    stack.push_async_callback(_end, counting)
    return Telemetry(metrics, spans)


def make_usage(uow: UnitOfWork, events: EventService) -> UsageService:
    """Usage and budgets, whose alerts are domain events."""

    async def tell(scope: OrgScope, type: str, data: JsonObject, key: str) -> None:
        await events.publish(scope, type, data, key=key, source="budget")

    return UsageService(uow, Allowances(uow, tell))


def make_traces(settings: Settings, uow: UnitOfWork) -> Traces:
    """Traces, with as much of their contents as the operator lets be shown."""
    return Traces(uow, Redaction(settings.trace_content, PiiScanner()))


def _open_spans(stack: AsyncExitStack, settings: Settings) -> SpanSink:
    if not settings.otel_endpoint.startswith(("http://", "https://")):
        raise InvalidInput(
            "GIRIH_OTEL is on, but OTEL_EXPORTER_OTLP_ENDPOINT is not an http address",
            help="set it to the collector's address, such as http://127.0.0.1:4318",
        )
    try:
        otel = importlib.import_module("girih.providers.telemetry.otel")
    except ModuleNotFoundError as missing:
        raise InvalidInput(
            f"GIRIH_OTEL needs the package '{missing.name}', which is not installed", help="pip install 'girih[otel]'"
        ) from missing
    sender = otel.open_otel(
        settings.otel_endpoint,
        settings.otel_headers.get_secret_value(),
        service=settings.otel_service_name,
        version=version("girih"),
    )
    stack.push_async_callback(asyncio.to_thread, sender.close)
    sink: SpanSink = sender
    return sink


async def _count(metrics: Metrics, uow: UnitOfWork) -> None:
    while True:
        with suppress(GirihError):  # the database is away: the numbers stay as they were
            metrics.queued.set(await count_waiting(uow))
            metrics.undelivered.set(await count_pending(uow))
        await asyncio.sleep(QUEUE_SECONDS)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
