"""What a process tells about itself: numbers at a port of its own, and spans to a collector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from girih.errors import Unavailable
from girih.providers.telemetry.context import TraceContext
from girih.providers.telemetry.metrics import MOST_NAMES, Metrics, MetricsServer
from girih.providers.telemetry.otel import Otel, open_otel
from girih.providers.telemetry.spans import TracedSpan

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def span(*, sampled: bool = True, error: str | None = None) -> TracedSpan:
    return TracedSpan(
        place=TraceContext("a" * 32, "b" * 16, sampled),
        parent_id="c" * 16,
        name="chat gpt-x",
        kind="client",
        started_at=NOW,
        ended_at=NOW + timedelta(milliseconds=5),
        attributes={"gen_ai.usage.input_tokens": 3},
        error=error,
    )


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP receiver on this machine."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.answers = [200]
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_span_keeps_its_ids_times_and_names() -> None:
    memory = InMemorySpanExporter()
    otel = Otel(memory, service="girih", version="1")
    otel.tell(span(error="timeout"))
    otel.tell(span(sampled=False))
    otel.close()
    (told,) = memory.get_finished_spans()
    assert told.context is not None
    assert told.parent is not None
    assert (f"{told.context.trace_id:032x}", f"{told.context.span_id:016x}") == ("a" * 32, "b" * 16)
    assert f"{told.parent.span_id:016x}" == "c" * 16
    assert (told.name, told.kind.name, told.status.status_code.name) == ("chat gpt-x", "CLIENT", "ERROR")
    assert (told.end_time or 0) - (told.start_time or 0) == 5_000_000
    assert dict(told.attributes or {}) == {"gen_ai.usage.input_tokens": 3, "error.type": "timeout"}
    assert told.resource.attributes["service.name"] == "girih"


def test_spans_reach_the_collector_with_its_headers(collector: Collector) -> None:
    collector.answers = [503, 200]
    otel = open_otel(collector.url, "Authorization=Bearer%20x, other = y", service="desk", version="1")
    otel.tell(span())
    otel.flush()
    otel.close()
    assert [path for path, _, _ in collector.taken] == ["/v1/traces"] * 2
    _, headers, body = collector.taken[-1]
    assert (headers["authorization"], headers["other"]) == ("Bearer x", "y")
    request = ExportTraceServiceRequest.FromString(body)
    (sent,) = request.resource_spans[0].scope_spans[0].spans
    assert (sent.name, sent.trace_id.hex()) == ("chat gpt-x", "a" * 32)


@pytest.mark.parametrize("status", [302, 400])
def test_what_the_collector_refuses_is_dropped_and_goes_nowhere_else(
    collector: Collector, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    collector.answers = [status]
    otel = open_otel(collector.url, "", service="girih", version="1")
    otel.tell(span())
    otel.close()
    assert [path for path, _, _ in collector.taken] == ["/v1/traces"]
    assert f"HTTP {status}" in caplog.text


def test_numbers_are_read_at_a_port_of_their_own() -> None:
    metrics = Metrics()
    metrics.runs.labels("succeeded").inc()
    metrics.watch_pool({"used": lambda: 3})
    with MetricsServer(metrics, "127.0.0.1", 0) as server:
        text = httpx.get(f"http://127.0.0.1:{server.port}/metrics", trust_env=False).text
        with pytest.raises(Unavailable, match="cannot listen"), MetricsServer(metrics, "127.0.0.1", server.port):
            pass
    assert 'girih_runs_total{status="succeeded"} 1.0' in text
    assert 'girih_database_connections{state="used"} 3.0' in text


def test_models_without_end_are_counted_together() -> None:
    metrics = Metrics()
    labels = [metrics.model(f"m{n}", "p") for n in range(MOST_NAMES + 5)]
    assert labels[0] == ("m0", "p")
    assert labels[-5:] == [("other", "other")] * 5
    assert metrics.model("m0", "p") == ("m0", "p")
