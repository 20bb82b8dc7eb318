"""Spans for OpenTelemetry, sent over OTLP/HTTP to the one host the operator named; loaded only where it is set up."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import unquote

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from girih.errors import Unavailable
from girih.providers.outbound import CollectorClient
from girih.providers.telemetry.context import TraceContext
from girih.providers.telemetry.spans import TracedSpan

_log = logging.getLogger(__name__)

_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_TIMEOUT = 10.0
_AGAIN = frozenset({429, 502, 503, 504})


class _GivenIds(IdGenerator):
    """Gives the ids that were decided before, so that a run's spans have the same ids wherever they are told."""

    trace_id = 0
    span_id = 0

    def generate_trace_id(self) -> int:
        """The trace's."""
        return self.trace_id or random.getrandbits(128)

    def generate_span_id(self) -> int:
        """The span's."""
        return self.span_id or random.getrandbits(64)


class Otel:
    """Takes spans that have ended; never blocks and never raises. `close` sends what is left, in a few seconds."""

    def __init__(self, exporter: SpanExporter, *, service: str, version: str) -> None:
        self._ids = _GivenIds()
        resource = Resource({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("girih", version)

    def tell(self, span: TracedSpan) -> None:
        """Send one span, unless its trace is not sampled."""
        if not span.place.is_sampled:
            return
        self._ids.trace_id, self._ids.span_id = int(span.place.trace_id, 16), int(span.place.span_id, 16)
        parent = set_span_in_context(NonRecordingSpan(_context(span.place, span.parent_id))) if span.parent_id else None
        made = self._tracer.start_span(
            span.name,
            context=parent,
            kind=_KINDS[span.kind],
            attributes=dict(span.attributes),
            start_time=_nanoseconds(span.started_at),
        )
        if span.error is not None:
            made.set_attribute("error.type", span.error)
            made.set_status(Status(StatusCode.ERROR))
        made.end(_nanoseconds(span.ended_at))

    def flush(self) -> None:
        """Send what waits, now."""
        self._provider.force_flush(5000)

    def close(self) -> None:
        """Send what is left and stop."""
        self._provider.shutdown()


class OtlpHttp(SpanExporter):
    """Posts spans as protobuf to `{endpoint}/v1/traces`. No proxy and no redirect: it goes nowhere else."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._headers = {**headers, "content-type": "application/x-protobuf"}
        self._client = CollectorClient(f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send; what is not taken is dropped after a second try."""
        body = encode_spans(spans).SerializeToString()
        for _ in range(2):
            try:
                status = self._client.post(body, self._headers)
            except Unavailable as fault:
                problem = fault.message
                continue
            if 200 <= status < 300:
                return SpanExportResult.SUCCESS
            problem = f"HTTP {status}"
            if status not in _AGAIN:
                break
        _log.warning("spans could not be sent to the collector: %s", problem)
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        """Close the connection."""
        self._client.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - nothing is kept here
        """Nothing waits here."""
        return True


def open_otel(endpoint: str, headers: str, *, service: str, version: str) -> Otel:
    """A sender to the collector at `endpoint`; `headers` as `OTEL_EXPORTER_OTLP_HEADERS` has them (`name=value,…`)."""
    pairs = (pair.partition("=") for pair in headers.split(",") if "=" in pair)
    known = {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
    return Otel(OtlpHttp(endpoint, known), service=service, version=version)


def _context(place: TraceContext, span_id: str) -> SpanContext:
    return SpanContext(int(place.trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(1))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
