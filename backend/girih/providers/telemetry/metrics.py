"""Numbers of one process for Prometheus, each process on a port of its own; they name no organization, user or tool."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from girih.errors import Unavailable

SHORT = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
"""Upper bounds of histograms, in seconds."""
MOST_NAMES = 200
"""Models that are told apart; those that come later are counted together as `other`."""


class Metrics:
    """Every number that girih measures; each is documented by its own help text."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        more: dict[str, Any] = {"registry": registry}
        self.runs = Counter("girih_runs", "Runs that ended or began to wait, by status.", ["status"], **more)
        self.run_seconds = Histogram(
            "girih_run_duration_seconds", "From a run's start to its end.", ["status"], buckets=LONG, **more
        )
        self.first_event = Histogram(
            "girih_run_first_event_seconds", "From a run's start to its first committed event.", buckets=SHORT, **more
        )
        self.active = Gauge("girih_runs_active", "Runs that this process executes.", **more)
        self.slots = Gauge("girih_run_slots", "Runs that this process may execute at once.", **more)
        self.queued = Gauge("girih_runs_queued", "Runs that wait for a slot, in the whole installation.", **more)
        self.lost = Counter("girih_leases_lost", "Runs that this process had to give up.", **more)
        self.events = Counter("girih_events_written", "Events of runs committed.", **more)
        of_model = ["model", "provider"]
        self.calls = Counter("girih_model_calls", "Calls of models, by outcome.", [*of_model, "outcome"], **more)
        self.tokens = Counter("girih_model_tokens", "Tokens, in and out.", [*of_model, "direction"], **more)
        self.cost = Counter("girih_model_cost_usd", "USD by the models' prices.", of_model, **more)
        self.call_seconds = Histogram(
            "girih_model_call_seconds", "How long calls of models took.", of_model, buckets=LONG, **more
        )
        self.first_token = Histogram(
            "girih_model_first_token_seconds", "Until the first piece of an answer.", of_model, buckets=SHORT, **more
        )
        self.graphs = Counter(
            "girih_graph_lookups", "Graphs needed by runs: compiled already, or not.", ["outcome"], **more
        )
        self.tools = Counter("girih_tool_calls", "Calls of tools, by outcome.", ["outcome"], **more)
        self.failures = Counter("girih_node_failures", "Nodes that failed, by the kind of error.", ["kind"], **more)
        self.requests = Counter("girih_http_requests", "Requests answered.", ["method", "route", "status"], **more)
        self.request_seconds = Histogram(
            "girih_http_request_seconds", "Until an answer was complete.", ["method", "route"], buckets=LONG, **more
        )
        self.deliveries, self.undelivered = _webhooks(registry)
        self.removed = Counter("girih_rows_removed", "Rows that were kept long enough, by kind.", ["kind"], **more)
        self.pool = Gauge("girih_database_connections", "Connections of the pool, by state.", ["state"], **more)
        self._models: set[tuple[str, str]] = set()

    def model(self, name: str, provider: str) -> tuple[str, str]:
        """The labels of a model; `other` once there are too many."""
        labels = name, provider
        if labels not in self._models and len(self._models) >= MOST_NAMES:
            return "other", "other"
        self._models.add(labels)
        return labels

    def watch_pool(self, states: dict[str, Callable[[], int]]) -> None:
        """Read the pool's numbers when they are asked for."""
        for state, count in states.items():
            self.pool.labels(state).set_function(count)


def _webhooks(registry: CollectorRegistry) -> tuple[Counter, Gauge]:
    """Tries, and messages that are on their way."""
    tries = Counter(
        "girih_webhook_tries",
        "Tries of this process to deliver to webhooks, by outcome.",
        ["outcome"],
        registry=registry,
    )
    pending = Gauge(
        "girih_webhooks_pending", "Messages to webhooks on their way, in the whole installation.", registry=registry
    )
    return tries, pending


class MetricsServer:
    """Answers `GET /metrics` at an address of its own, in a thread, until it is left."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        self._metrics = metrics
        self._address = host, port

    def __enter__(self) -> MetricsServer:
        host, port = self._address
        try:
            self._server, self._thread = start_http_server(port, host, registry=self._metrics.registry)
        except OSError as fault:
            raise Unavailable(
                f"cannot listen on {host}:{port} for metrics: {fault.strerror or fault}",
                help="set GIRIH_METRICS_PORT to a free port, another one for each process",
            ) from fault
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port it answers at."""
        return int(self._server.server_port)
