"""A small shop for the examples: `python -m girih.examples.crm --port N`, with customers, orders and refunds."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

HOST = "127.0.0.1"
MAX_BODY = 10_000

CUSTOMERS = {
    "C-1001": {"name": "Ada Moreno", "tier": "gold", "open_orders": 2},
    "C-1002": {"name": "Bilal Okafor", "tier": "free", "open_orders": 1},
    "C-1003": {"name": "Chiara Lindqvist", "tier": "free", "open_orders": 0},
    "C-1004": {"name": "Dmitri Haddad", "tier": "gold", "open_orders": 0},
}


ORDERS = {
    "A-1001": {"customer_id": "C-1001", "article": "city bicycle", "total": 640.0, "state": "sent"},
    "A-1002": {"customer_id": "C-1001", "article": "bicycle lock", "total": 35.0, "state": "delivered"},
    "A-1003": {"customer_id": "C-1002", "article": "rain cape", "total": 59.0, "state": "packed"},
}

Answer = tuple[HTTPStatus, dict[str, object]]


def find(path: str) -> Answer:
    """Status and body for `/customers/{id}` and `/orders/{id}`: the thing, or a problem (RFC 9457)."""
    folder, _, number = unquote(urlsplit(path).path).strip("/").partition("/")
    if folder == "customers" and number in CUSTOMERS:
        return HTTPStatus.OK, {"customer_id": number, **CUSTOMERS[number]}
    if folder == "orders" and number in ORDERS:
        return HTTPStatus.OK, {"order_id": number, **ORDERS[number]}
    kind = "order" if folder == "orders" else "customer"
    return problem(HTTPStatus.NOT_FOUND, f"there is no {kind} '{number}'")


def problem(status: HTTPStatus, detail: str) -> Answer:
    """What was wrong, as a problem (RFC 9457)."""
    return status, {"title": status.phrase, "status": int(status), "detail": detail}


class Refunds:
    """The refunds made so far. The same idempotency key gives the same refund again."""

    def __init__(self) -> None:
        self._made: dict[str, dict[str, object]] = {}
        self._lock = threading.Lock()

    def make(self, path: str, body: bytes, key: str) -> Answer:
        """Status and body for POST `/orders/{id}/refunds` with `{"amount": number}`: the refund, or a problem."""
        parts = unquote(urlsplit(path).path).strip("/").split("/")
        if len(parts) != 3 or (parts[0], parts[2]) != ("orders", "refunds") or parts[1] not in ORDERS:
            return problem(HTTPStatus.NOT_FOUND, "there is no such order")
        amount = _amount(body)
        if amount is None or not 0 < amount <= float(str(ORDERS[parts[1]]["total"])):
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the amount must be more than 0 and at most what was paid")
        with self._lock:
            refund = {"refund_id": f"R-{len(self._made) + 1}", "order_id": parts[1], "amount": amount}
            return HTTPStatus.OK, self._made.setdefault(key or str(refund["refund_id"]), refund)


def _amount(body: bytes) -> float | None:
    try:
        return float(json.loads(body)["amount"])
    except (ValueError, TypeError, KeyError):
        return None


REFUNDS = Refunds()


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A customer or an order as JSON, or 404."""
        self._answer(*find(self.path))

    def do_POST(self) -> None:
        """A new refund as JSON, or what is wrong with it."""
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), MAX_BODY))
        self._answer(*REFUNDS.make(self.path, body, self.headers.get("idempotency-key", "")))

    def _answer(self, status: HTTPStatus, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if status == HTTPStatus.OK else "application/problem+json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8322, help="the port to listen on")
    server = ThreadingHTTPServer((HOST, parser.parse_args().port), Handler)
    sys.stderr.write(f"listening on http://{HOST}:{server.server_port}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
