"""A small shop that agents' tools call, and that is told by webhooks: a real HTTP server on a free port."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

PRICES = {"tea": 4, "rice": 2}
PATIENCE = 60.0
"""Seconds until what is waited for has to have arrived."""


@dataclass
class Shop:
    """Where it is, what was ordered, and what its hook was told, with the headers."""

    url: str = ""
    orders: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bound(self) -> str:
        """The setting that binds it as the endpoint `shop`: its tools and hooks may be reached then."""
        return json.dumps({"shop": self.url})

    def of_run(self, run_id: str, last: str) -> list[dict[str, Any]]:
        """What the hook was told of a run, once it was told an event of that type."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            bodies = [json.loads(sent) for _, sent in self.told]
            found = [body for body in bodies if body["data"]["run"]["id"] == run_id]
            if any(body["type"] == last for body in found):
                return found
            time.sleep(0.05)
        raise TimeoutError(f"the hook was not told {last} of run {run_id}, but {found}")


@contextmanager
def open_shop() -> Iterator[Shop]:
    """A shop, until the end of the block."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            price = PRICES.get(self.path.rpartition("/")[2])
            self._say(404, {}) if price is None else self._say(200, {"price": price})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path.startswith("/orders"):
                shop.orders.append(json.loads(body))
                self._say(200, {"order": f"o-{len(shop.orders)}"})
            else:
                shop.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self._say(200, {})

        def _say(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        shop.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield shop
        finally:
            server.shutdown()
