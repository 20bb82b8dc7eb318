"""A browser without a screen, driven over its own protocol, and pages served to it from an origin of their own."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
from tests.compat.clients import browser, node
from websockets.sync.client import ClientConnection, connect

PATIENCE = 60.0
"""Seconds until what is waited for has to be so."""
_HTML = (
    "<!doctype html><meta charset=utf-8><title>A chat</title><link rel=icon href=data:,>"
    "<div id=root></div><script type=module src=page.js></script>"
)


class Page:
    """A page that is open."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(PATIENCE))
            if told.get("id") == number:
                assert "error" not in told, f"{method}: {told['error']}"
                return dict(told["result"])

    def run(self, script: str) -> Any:
        """What an expression gives, as JSON; a promise is waited for."""
        told = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, f"{script}: {told['exceptionDetails']}"
        return told["result"].get("value")

    def until(self, script: str) -> Any:
        """What an expression gives once that is true."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if (found := self.run(script)) and found is not None:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{script} did not become true; the page shows:\n{self.run('document.body.innerText')}")

    def click(self, selector: str) -> None:
        """Click on what is there, once it is."""
        self.until(f"document.querySelector({json.dumps(selector)}) !== null")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, path: Path) -> None:
        """Write what the page looks like, as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def pages(entry: str, folder: Path) -> Iterator[str]:
    """A script of `js/` bundled and served as a page; gives the page's origin."""
    assert node("bundle.mjs", entry, str(folder / "page.js")) == {"warnings": 0}
    (folder / "index.html").write_text(_HTML)
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def open_browser(folder: Path) -> Iterator[str]:
    """A browser; gives the address of its protocol."""
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command += [f"--user-data-dir={folder}", "--remote-debugging-port=0", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found, deadline = folder / "DevToolsActivePort", time.monotonic() + PATIENCE
        while not (found.is_file() and found.read_text().strip()):
            assert process.poll() is None, "the browser did not start"
            assert time.monotonic() < deadline, "the browser did not open its port"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{found.read_text().splitlines()[0]}"
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def open_page(protocol: str, url: str) -> Iterator[Page]:
    """A page of its own in the browser."""
    with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
        made = client.put(f"{protocol}/json/new?about:blank").json()
        try:
            with connect(made["webSocketDebuggerUrl"], max_size=None, open_timeout=PATIENCE) as socket:
                page = Page(socket)
                page.call("Page.enable")
                page.call("Page.navigate", url=url)
                yield page
        finally:
            client.get(f"{protocol}/json/close/{made['id']}")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""
