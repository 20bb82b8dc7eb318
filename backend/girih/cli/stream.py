"""A run's events as they happen, over a connection that may break: each event once and in order, to the last."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from girih.cli.client import Refused, Server, fail, failure_of
from girih.cli.output import UNREACHABLE, note
from girih.engine.events import TERMINAL
from girih.language.spec.tree import JsonObject

SILENCE = httpx.Timeout(45.0, connect=5.0)
"""The server breaks every silence after 15 seconds; three times that is a dead connection."""

PATIENCE = 60.0
"""Seconds without any progress after which a broken stream is given up."""

_CUT = (httpx.TransportError, httpx.StreamError)


def frames(chunks: Iterable[bytes]) -> Iterator[JsonObject]:
    """The `data` of each complete frame; comments and a last frame that was cut off are left out.

    Only a line feed ends a line here: text may hold other characters that Python takes for line ends.
    """
    data: list[bytes] = []
    for line in _lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            event = json.loads(b"\n".join(data))
            data.clear()
            if isinstance(event, dict):
                yield event


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")


@dataclass
class Following:
    """One run being followed. `run_id` is known as soon as the server has answered."""

    server: Server
    run_id: str | None = None
    last: int = 0
    body: JsonObject | None = None
    """For a run yet to be started."""
    on_loss: Callable[[], None] = lambda: None
    """Called before the command ends because the connection could not be had again."""
    _key: str = field(default_factory=lambda: uuid4().hex)
    _since: float = 0.0
    _met: bool = False
    """Whether the server has ever answered."""

    def events(self) -> Iterator[JsonObject]:
        """Every event after `last`, ending with the terminal one, through any number of cuts."""
        self._since = time.monotonic()
        pause = 0.1
        while True:
            before = self.last
            try:
                for event in self._once():
                    yield event
                    if event["type"] in TERMINAL:
                        return
            except _CUT as error:
                if not self._met and isinstance(error, httpx.ConnectError):
                    self.server.unreachable(error)
            except Refused as refused:
                if refused.failure.status != 503:
                    self.server.give_up(refused.failure)
            pause = 0.1 if self.last > before else min(pause * 2, 2.0)
            self._wait(pause)

    def _once(self) -> Iterator[JsonObject]:
        with self._connect() as response:
            self._met = True
            if response.is_error:
                response.read()
                raise Refused(failure_of(response))
            location = response.headers.get("location", "")
            if self.run_id is None and (said := response.headers.get("girih-notice")):
                note(said, "warning")
            self.run_id = self.run_id or location.rpartition("/")[2] or None
            for event in frames(response.iter_bytes()):
                seq = int(event.get("seq", 0))
                if seq <= self.last:
                    continue
                self.last, self.run_id, self._since = seq, event["run_id"], time.monotonic()
                yield event

    def _connect(self) -> Any:
        http = self.server.http
        if self.run_id is None:
            # The same key on a second try finds the run of the first.
            headers = {"idempotency-key": self._key}
            return http.stream("POST", "/v1/runs/stream", json=self.body, headers=headers, timeout=SILENCE)
        headers = {"last-event-id": str(self.last)}
        return http.stream("GET", f"/v1/runs/{self.run_id}/events", headers=headers, timeout=SILENCE)

    def _wait(self, pause: float) -> None:
        if time.monotonic() - self._since > PATIENCE:
            self.on_loss()
            hint = f"the run goes on there: `girih trace {self.run_id}`" if self.run_id else None
            fail(f"lost the connection to {self.server.target.url}", hint, code=UNREACHABLE)
        time.sleep(pause)
