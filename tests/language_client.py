"""A client of language servers, as an editor is one: starts the server, speaks LSP with it over its pipes."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0
"""Seconds to wait for an answer."""


class LanguageClient:
    """One session. Lines and characters count from 0, as in the protocol."""

    def __init__(self, command: Sequence[str], folder: Path, settings: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self._settings = settings or {}
        self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._number = 0
        self._answers: dict[int, queue.Queue[Any]] = {}
        self._diagnostics: dict[str, queue.Queue[list[Any]]] = {}
        self._versions: dict[str, int] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    # --- the session

    def start(self) -> dict[str, Any]:
        """Begin; gives what the server can do."""
        root = self.folder.as_uri()
        found: dict[str, Any] = self.ask(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "workspace"}],
                "capabilities": {
                    "workspace": {"configuration": True, "workspaceFolders": True},
                    "textDocument": {
                        "hover": {"contentFormat": ["markdown", "plaintext"]},
                        "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
                        "publishDiagnostics": {"relatedInformation": True},
                        "rename": {"prepareSupport": True},
                    },
                },
            },
        )
        self.tell("initialized", {})
        if self._settings:
            self.tell("workspace/didChangeConfiguration", {"settings": self._settings})
        capabilities: dict[str, Any] = found["capabilities"]
        return capabilities

    def stop(self) -> int:
        """End in the order the protocol asks for; gives the server's exit code."""
        if self._process.poll() is None:
            self.ask("shutdown", None)
            self.tell("exit", None)
        try:
            return self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(10)
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()

    # --- documents

    def open(self, name: str, text: str, language: str = "yaml") -> list[Any]:
        """Open a document; gives its diagnostics."""
        uri = self.uri(name)
        self._versions[uri] = 1
        self._diagnostics.setdefault(uri, queue.Queue())
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return self.diagnostics(name)

    def change(self, name: str, text: str) -> list[Any]:
        """Replace all of a document's text; gives its diagnostics."""
        self.change_quietly(name, text)
        return self.diagnostics(name)

    def change_quietly(self, name: str, text: str) -> None:
        """Replace all of a document's text, and wait for nothing."""
        uri = self.uri(name)
        self._versions[uri] += 1
        document = {"uri": uri, "version": self._versions[uri]}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def diagnostics(self, name: str) -> list[Any]:
        """The next diagnostics of a document."""
        return self._diagnostics.setdefault(self.uri(name), queue.Queue()).get(timeout=PATIENCE)

    def at(self, method: str, name: str, line: int, character: int, **more: Any) -> Any:
        """Ask something about a place."""
        place = {"textDocument": {"uri": self.uri(name)}, "position": {"line": line, "character": character}}
        return self.ask(f"textDocument/{method}", {**place, **more})

    def uri(self, name: str) -> str:
        """A file's address."""
        return (self.folder / name).as_uri()

    # --- messages

    def ask(self, method: str, params: Any) -> Any:
        """Send a request and wait; gives its result. Raises `AssertionError` for an error."""
        self._number += 1
        number = self._number
        self._answers[number] = queue.Queue()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = self._answers[number].get(timeout=PATIENCE)
        del self._answers[number]
        assert "error" not in answer, answer["error"]
        return answer.get("result")

    def tell(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> None:
        for message in self._messages():
            method, number = message.get("method"), message.get("id")
            if method is None:
                if number in self._answers:
                    self._answers[number].put(message)
            elif number is not None:
                self._send({"jsonrpc": "2.0", "id": number, "result": self._reply(method, message.get("params"))})
            elif method == "textDocument/publishDiagnostics":
                found = message["params"]
                self._diagnostics.setdefault(found["uri"], queue.Queue()).put(found["diagnostics"])

    def _reply(self, method: str, params: Any) -> Any:
        """What an editor answers a server that asks it something."""
        if method == "workspace/configuration":
            return [self._settings.get(item.get("section", ""), {}) for item in params["items"]]
        return None

    def _messages(self) -> Iterator[dict[str, Any]]:
        pipe = self._process.stdout
        assert pipe is not None
        while True:
            length = 0
            while (line := pipe.readline()) not in (b"\r\n", b""):
                name, _, value = line.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            if not length:
                return
            yield json.loads(pipe.read(length))


@contextmanager
def language_server(
    command: Sequence[str], folder: Path, settings: dict[str, Any] | None = None
) -> Iterator[LanguageClient]:
    """A session with a server that ends with the block."""
    client = LanguageClient(command, folder, settings)
    try:
        client.start()
        yield client
    finally:
        client.stop()
