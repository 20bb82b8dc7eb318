"""What a run leaves behind: its trace, its cost, its numbers and its spans, through the doors that show them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.api.conftest import Client, ClientMaker, is_problem, settings_for
from tests.providers.servers import Server, says, serving
from tests.providers.test_telemetry import Collector

from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

CALLER = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
PRICED = """\
kind: model/v1
name: priced
provider: demo
params: { tokens: 5 }
price: { input_per_million: 1000, output_per_million: 2000 }
"""
DESK = """\
kind: graph/v1
name: desk
inputs:
  question: { type: string, minLength: 1 }
use:
  model: model://priced
nodes:
  answer:
    llm: model
    prompt: "${ inputs.question }"
    next: $end
outputs:
  text: "${ answer.text }"
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def metrics_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(scope="module")
async def hooks() -> AsyncIterator[Server]:
    async with serving(says(204)) as server:
        yield server


@pytest.fixture(scope="module")
async def girih(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, collector: Collector, metrics_url: str, hooks: Server
) -> AsyncIterator[Girih]:
    settings = settings_for(
        database_url,
        tmp_path_factory.mktemp("girih"),
        metrics_port=int(metrics_url.rpartition(":")[2]),
        otel=True,
        endpoints={"hooks": hooks.url},
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
    )
    async with open_girih(settings) as girih:
        yield girih


@pytest.fixture
async def desk(client: Client) -> Client:
    files = {"models/priced.yaml": PRICED, "desk.yaml": DESK}
    answer = await client.post("/v1/workspace/apply", json={"files": files})
    assert answer.is_success, answer.text
    return client


async def ended(client: Client, **headers: str) -> dict[str, Any]:
    body = {"agent": "desk", "inputs": {"question": "Call ada@example.com, password hunter2"}}
    run = (await client.post("/v1/runs", json=body, headers=headers)).json()
    while run["status"] not in ("succeeded", "failed"):
        await asyncio.sleep(0.01)
        run = (await client.get(f"/v1/runs/{run['id']}")).json()
    return dict(run)


async def test_a_runs_trace_is_shown_as_far_as_the_key_may_see(
    desk: Client, client_for: ClientMaker, scope: OrgScope
) -> None:
    run = await ended(desk, traceparent=CALLER)
    trace = (await desk.get(f"/v1/runs/{run['id']}/trace")).json()
    assert (trace["trace_id"], trace["content"]) == ("a" * 32, "full")
    (attempt,) = trace["root"]["spans"]
    (node,) = attempt["spans"]
    (model,) = node["spans"]
    assert (node["name"], model["kind"], model["attributes"]["provider"]) == ("answer", "model", "girih-demo")
    assert 0 <= model["attributes"]["first_token_ms"] <= model["duration_ms"] <= node["duration_ms"] + 1
    assert model["attributes"]["usage"]["cost_usd"] > 0
    assert trace["root"]["content"]["inputs"]["question"].startswith("Call")
    modest = await client_for(scope, PERMISSIONS - {"runs:read"})
    shown = await modest.get(f"/v1/runs/{run['id']}/trace")
    assert shown.json()["content"] == "none"
    assert '"ada"' not in shown.text
    for part in ("", "/events", "/wait", "/interrupts", "/checkpoints", "/feedback"):
        is_problem(await modest.get(f"/v1/runs/{run['id']}{part}"), 403, "forbidden")
    is_problem(await modest.get("/v1/runs"), 403, "forbidden")
    assert "ada@example.com" in (await desk.get(f"/v1/runs/{run['id']}/events")).text


async def test_what_a_run_cost_is_shown_by_key_and_model(desk: Client) -> None:
    run = await ended(desk)
    (used,) = run["usage"]["models"].values()
    assert used["cost_usd"] == pytest.approx(used["input_tokens"] / 1000 + used["output_tokens"] / 500)
    page = (await desk.get("/v1/usage", params={"group_by": ["key", "model"]})).json()
    (row,) = page["items"]
    assert (row["calls"], row["cost_usd"]) == (1, pytest.approx(used["cost_usd"]))
    keys = [key["id"] for key in (await desk.get("/v1/keys")).json()["items"]]
    assert row["key"] in keys
    assert set(row) >= {"day", "agent", "node"}
    is_problem(await desk.get("/v1/usage", params={"group_by": "colour"}), 422, "invalid_input")
    is_problem(await desk.get("/v1/usage", params={"from": "2026-02-30"}), 422, "invalid_input")


async def test_a_budget_that_is_used_up_is_a_problem_with_a_time(desk: Client) -> None:
    made = await desk.put("/v1/budgets", json={"target": "project", "period": "day", "tokens": 1})
    assert made.status_code == 200, made.text
    assert (await ended(desk))["status"] == "succeeded"
    refused = await desk.post("/v1/runs", json={"agent": "desk", "inputs": {"question": "x"}})
    is_problem(refused, 429, "budget_exceeded")
    assert int(refused.headers["retry-after"]) > 2 or int(refused.headers["retry-after"]) >= 1
    assert refused.json()["details"]["frees_at"] == made.json()["frees_at"].replace("Z", "+00:00")
    assert (await desk.get("/v1/budgets")).json()["items"][0]["spent_tokens"] > 1
    assert (await desk.delete(f"/v1/budgets/{made.json()['id']}")).status_code == 204
    is_problem(await desk.put("/v1/budgets", json={"target": "project", "period": "day"}), 422, "invalid_input")


@pytest.mark.parametrize("method", ["put", "delete", "usage"])
async def test_the_organizations_budgets_need_a_permission_of_their_own(
    desk: Client, client_for: ClientMaker, scope: OrgScope, method: str
) -> None:
    body = {"target": "organization", "period": "month", "cost_usd": 5.0}
    made = (await desk.put("/v1/budgets", json=body)).json()
    modest = await client_for(scope, PERMISSIONS - {"organization:manage"})
    answers = {
        "put": lambda: modest.put("/v1/budgets", json=body),
        "delete": lambda: modest.delete(f"/v1/budgets/{made['id']}"),
        "usage": lambda: modest.get("/v1/usage", params={"of": "organization"}),
    }
    is_problem(await answers[method](), 403, "forbidden")


async def test_numbers_name_routes_and_no_tenant(desk: Client, metrics_url: str, scope: OrgScope) -> None:
    await ended(desk)
    await desk.get("/made-up/" + "x" * 50)
    async with httpx.AsyncClient(trust_env=False) as reader:
        text = (await reader.get(f"{metrics_url}/metrics")).text
    assert 'girih_runs_total{status="succeeded"}' in text
    assert 'girih_http_requests_total{method="POST",route="/v1/runs",status="201"}' in text
    assert 'route="/v1/runs/{run_id}"' in text
    assert 'route="unmatched",status="404"' in text
    assert 'girih_model_calls_total{model="demo",outcome="ok",provider="girih-demo"}' in text
    assert "girih_run_first_event_seconds_bucket" in text
    assert 'girih_graph_lookups_total{outcome="miss"}' in text
    assert 'girih_database_connections{state="used"}' in text
    for secret in ("xxxx", str(scope.org_id), str(scope.project_id), "desk", "hunter2"):
        assert secret not in text


async def test_tries_of_webhooks_are_counted(desk: Client, hooks: Server, metrics_url: str) -> None:
    body = {"agent": "desk", "inputs": {"question": "x"}, "webhook": f"{hooks.url}/hook"}
    assert (await desk.post("/v1/runs/wait", json=body)).json()["status"] == "succeeded"
    async with httpx.AsyncClient(trust_env=False) as reader, asyncio.timeout(20):
        while 'girih_webhook_tries_total{outcome="delivered"} 1.0' not in (text := await _metrics(reader, metrics_url)):
            await asyncio.sleep(0.05)
    assert "\ngirih_webhooks_pending " in text
    assert hooks.url not in text


async def _metrics(reader: httpx.AsyncClient, url: str) -> str:
    return (await reader.get(f"{url}/metrics")).text


async def test_spans_continue_the_callers_trace_without_contents(
    desk: Client, girih: Girih, collector: Collector
) -> None:
    run = await ended(desk, traceparent=CALLER)
    assert girih.telemetry.spans is not None
    await asyncio.to_thread(girih.telemetry.spans.flush)  # type: ignore[attr-defined]
    spans = {span.name: span for span in _spans(collector) if span.trace_id.hex() == "a" * 32 and _is_of(span, run)}
    request, graph = spans["POST /v1/runs"], spans["invoke_workflow desk"]
    assert request.parent_span_id.hex() == "b" * 16
    assert graph.parent_span_id == request.span_id
    assert spans["attempt attempt 1"].parent_span_id == graph.span_id
    chat = spans["chat demo"]
    assert chat.parent_span_id == spans["llm answer"].span_id
    told = {one.key: one.value for one in chat.attributes}
    assert told["gen_ai.operation.name"].string_value == "chat"
    assert told["gen_ai.provider.name"].string_value == "girih-demo"
    assert told["gen_ai.usage.output_tokens"].int_value > 0
    assert request.start_time_unix_nano <= graph.start_time_unix_nano <= chat.start_time_unix_nano
    everything = b"".join(body for _, _, body in collector.taken)
    assert b"hunter2" not in everything


def _spans(collector: Collector) -> Iterator[Span]:
    for _, _, body in collector.taken:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def _is_of(span: Span, run: dict[str, Any]) -> bool:
    """Requests say nothing of runs; the latest one counts."""
    told = {one.key: one.value.string_value for one in span.attributes}
    return told.get("girih.run.id", run["id"]) == run["id"]


async def test_settings_that_cannot_work_are_refused(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path, otel=True, OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318")
    with pytest.raises(Exception, match="not an http address"):
        async with open_girih(settings):
            pass
