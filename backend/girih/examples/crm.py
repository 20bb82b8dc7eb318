"""A small customer service for the examples: `python -m girih.examples.crm --port N`, GET /customers/{id}."""

from __future__ import annotations

import argparse
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

HOST = "127.0.0.1"

CUSTOMERS = {
    "C-1001": {"name": "Ada Moreno", "tier": "gold", "open_orders": 2},
    "C-1002": {"name": "Bilal Okafor", "tier": "free", "open_orders": 1},
    "C-1003": {"name": "Chiara Lindqvist", "tier": "free", "open_orders": 0},
    "C-1004": {"name": "Dmitri Haddad", "tier": "gold", "open_orders": 0},
}


def find(path: str) -> tuple[HTTPStatus, dict[str, object]]:
    """Status and body for a path: a customer, or a problem (RFC 9457)."""
    folder, _, number = unquote(urlsplit(path).path).strip("/").partition("/")
    customer = CUSTOMERS.get(number) if folder == "customers" else None
    if customer is not None:
        return HTTPStatus.OK, {"customer_id": number, **customer}
    status = HTTPStatus.NOT_FOUND
    return status, {"title": status.phrase, "status": int(status), "detail": f"there is no customer '{number}'"}


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """A customer as JSON, or 404."""
        status, content = find(self.path)
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
