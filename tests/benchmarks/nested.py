"""Graphs that nest, for the reliability scenarios: forks, lists, a subgraph, an agent with a tool, and a question."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def says(name: str, then: str = "", tokens: int = 6, delay_ms: int = 15) -> str:
    """A node that says something for a while."""
    return (
        f"  {name}:\n    llm: model\n    prompt: say something\n"
        f"    params: {{ tokens: {tokens}, delay_ms: {delay_ms} }}\n" + (f"    next: {then}\n" if then else "")
    )


INNER = f"""kind: graph/v1
name: inner
inputs: {{ n: integer }}
use: {{ model: model://demo }}
nodes:
{says("one", "two")}{says("two", "$end")}outputs: {{ text: "${{ two.text }}" }}
"""

NESTED = f"""kind: graph/v1
name: nested
inputs: {{ n: integer? }}
use: {{ model: model://demo, inner: graph://inner, ship: tool://ship.parcel }}
nodes:
{says("begin", "both")}  both:
    parallel: [left, right]
    next: all
{says("left", "after_left")}{says("after_left")}  right:
    graph: inner
    with: {{ n: 1 }}
  all:
    each: weigh
    over: "${{ [1, 2, 3, 4, 5, 6] }}"
    max_concurrency: 3
    result: "${{ weigh.text }}"
    next: desk
{says("weigh", tokens=3)}  desk:
    agent: model
    prompt: Ship the parcel.
    tools: [ship]
    params:
      script:
        - {{ tool: ship, args: {{ order_id: A-1 }} }}
        - It is on its way.
    max_turns: 3
    next: last
{says("last", "$end")}outputs: {{ text: "${{ last.text }}", parts: "${{ all.items }}" }}
"""

ASKING = f"""kind: graph/v1
name: asking
inputs: {{ n: integer? }}
use: {{ model: model://demo }}
nodes:
{says("begin", "both")}  both:
    parallel: [question, meanwhile]
    next: last
  question:
    ask:
      message: Go on?
      returns: {{ yes: boolean }}
      timeout: 1h
      on_timeout: $fail
{says("meanwhile")}{says("last", "$end")}outputs: {{ yes: "${{ question.yes }}" }}
"""

TOOL = """kind: tool/v1
name: ship.parcel
description: Ships the parcel of an order.
http: { endpoint: shop, method: POST, path: "/orders/{order_id}/shipments" }
parameters: { order_id: string }
returns: { shipment: string }
idempotent: true
"""

FILES = {"inner.yaml": INNER, "nested.yaml": NESTED, "asking.yaml": ASKING, "tools/ship-parcel.yaml": TOOL}


@dataclass
class Shop:
    """A service with an effect: it ships once for each idempotency key, however often it is asked."""

    url: str = ""
    asked: Counter[str] = field(default_factory=Counter)


@contextmanager
def shop() -> Iterator[Shop]:
    """The service, on a free port."""
    made = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            made.asked[self.headers.get("idempotency-key", "")] += 1
            body = json.dumps({"shipment": "S-1"}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()


def wrong_with(seen: list[dict[str, Any]], expected: Counter[str]) -> list[str]:
    """What is not as in a run that nothing happened to: gaps, ends, results that are missing or there twice.

    A node may have begun once more for each attempt after the first, not more often.
    """
    found = []
    if [event["seq"] for event in seen] != list(range(1, len(seen) + 1)):
        found.append("gaps or doubles in the events")
    ends = [event["type"] for event in seen if event["type"] in ("run.finished", "run.failed", "run.cancelled")]
    if ends != ["run.finished"]:
        found.append(f"ends: {ends} {seen[-1]['data']}")
    results = count(seen, "node.finished")
    if results != expected:
        found.append(f"results: {dict(results - expected)} too often, {dict(expected - results)} missing")
    attempts = seen[-1]["attempt"]
    often = {node: n for node, n in count(seen, "node.started").items() if n > expected[node] + attempts - 1}
    if often:
        found.append(f"begun too often in {attempts} attempts: {often}")
    return found


def count(seen: list[dict[str, Any]], type: str) -> Counter[str]:
    """How often each node says it."""
    return Counter(event["node"] for event in seen if event["type"] == type)
