"""Talking to a girih server: which one, with which key, and one clear sentence when that does not work."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

import httpx
import typer

from girih.cli.output import CONFLICT, FINDINGS, UNREACHABLE, USAGE, complain
from girih.language.spec.tree import JsonObject, JsonValue

_START_ONE = "start one with `girih dev`, or set GIRIH_URL and GIRIH_API_KEY to one that runs"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Target:
    """A server and the key for it; `origin` says where the key was found."""

    url: str
    api_key: str
    origin: str


@dataclass(frozen=True)
class Failure:
    """What a server answered instead of what was asked for."""

    status: int
    message: str
    help: str | None = None
    body: JsonObject | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that fits."""
        if self.status in (401, 403) or self.status >= 500:
            return UNREACHABLE
        return CONFLICT if self.status in (409, 412) else FINDINGS


class Refused(Exception):
    """The server's answer is a problem. Commands that do not expect it end through `Server.call`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def fail(message: str, help: str | None = None, *, code: int = FINDINGS) -> NoReturn:
    """End the command with one sentence on stderr, the next step below it, and an exit code."""
    complain(message, help)
    raise typer.Exit(code)


def find_target(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Target:
    """The server to talk to: `GIRIH_URL` and `GIRIH_API_KEY`, else the nearest `.girih/dev.json` upwards."""
    known = os.environ if environment is None else environment
    url, key = known.get("GIRIH_URL", ""), known.get("GIRIH_API_KEY", "")
    origin = "GIRIH_API_KEY" if key else ".girih/dev.json"
    dev = None if url and key else nearest_dev(folder or Path.cwd())
    if not url and dev is None:
        fail("no girih server is known here", _START_ONE, code=UNREACHABLE)
    if not url and dev is not None:
        return Target(dev["url"].rstrip("/"), key or dev["api_key"], origin)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        fail(f"GIRIH_URL is not an http address: {url}", "write it as http://host:port", code=USAGE)
    if not key and dev is not None and dev["url"].rstrip("/") == url.rstrip("/"):
        key = dev["api_key"]
    if not key:
        fail("GIRIH_URL is set, but GIRIH_API_KEY is not", "set it to a key of that server", code=UNREACHABLE)
    return Target(url.rstrip("/"), key, origin)


def nearest_dev(folder: Path) -> JsonObject | None:
    for parent in (folder, *folder.parents):
        file = parent / ".girih" / "dev.json"
        try:
            found = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and all(isinstance(found.get(name), str) for name in ("url", "api_key")):
            return found
    return None


class Server:
    """One girih server over HTTP. Every fault ends the command, unless the caller asks for `attempt`."""

    def __init__(self, target: Target, *, timeout: float = 30.0) -> None:
        self.target = target
        self.http = httpx.Client(
            base_url=target.url,
            headers={"authorization": f"Bearer {target.api_key}", "user-agent": "girih-cli"},
            timeout=httpx.Timeout(timeout, connect=5.0),
            # A proxy for the outside world does not lead to a server on this machine.
            trust_env=urlsplit(target.url).hostname not in _LOOPBACK,
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call(self, method: str, path: str, **request: Any) -> JsonValue:
        """One request and its decoded answer; a problem or no answer ends the command."""
        try:
            return self.attempt(method, path, **request)
        except Refused as refused:
            self.give_up(refused.failure)

    def attempt(self, method: str, path: str, **request: Any) -> JsonValue:
        """As `call`, but a problem is raised as `Refused`."""
        try:
            response = self.http.request(method, path, **request)
        except httpx.TransportError as error:
            self.unreachable(error)
        except httpx.InvalidURL as error:
            fail(f"GIRIH_URL is not an http address: {error}", "write it as http://host:port", code=USAGE)
        if response.is_error:
            raise Refused(failure_of(response))
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            self.strange()

    def save(self, path: str, place: Path, **request: Any) -> None:
        """Write an answer's bytes to a file, piece by piece; a problem or no answer ends the command."""
        try:
            with self.http.stream("GET", path, **request) as response:
                if response.is_error:
                    response.read()
                    self.give_up(failure_of(response))
                with place.open("wb") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
        except httpx.TransportError as error:
            self.unreachable(error)
        except OSError as error:
            fail(f"{place} cannot be written: {error.strerror}", code=USAGE)

    def pages(self, path: str, **params: Any) -> Iterator[JsonObject]:
        """Every item of a list, page by page."""
        while True:
            page = self.call("GET", path, params=params)
            if not isinstance(page, dict) or "items" not in page:
                self.strange()
            yield from page["items"]
            if not page.get("next"):
                return
            params["cursor"] = page["next"]

    def give_up(self, failure: Failure) -> NoReturn:
        """End the command with what the server said."""
        way_out = failure.help
        if failure.status == 401:
            way_out = f"the key comes from {self.target.origin}; use one of the server at {self.target.url}"
        elif failure.status >= 500 and not way_out:
            way_out = "try again; if it stays so, look into the server's log"
        fail(failure.message, way_out, code=failure.exit_code)

    def unreachable(self, error: Exception) -> NoReturn:
        """End the command: nobody answers."""
        why = "it does not answer in time" if isinstance(error, httpx.TimeoutException) else "nothing answers there"
        fail(f"no girih server at {self.target.url}: {why}", _START_ONE, code=UNREACHABLE)

    def strange(self) -> NoReturn:
        """End the command: what answers is no girih server."""
        fail(
            f"what answers at {self.target.url} is not a girih server of this kind",
            "check GIRIH_URL, and that server and command are of one release",
            code=UNREACHABLE,
        )


def open_server() -> Server:
    """The server this command shall talk to."""
    return Server(find_target())


def failure_of(response: httpx.Response) -> Failure:
    """What an error answer says, whether it is a problem of ours or a page of some proxy."""
    try:
        body = response.json()
    except (ValueError, httpx.ResponseNotRead):
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("detail"), str):
        reason = f"{response.status_code} {response.reason_phrase}".strip()
        return Failure(response.status_code, f"the server answered {reason}")
    message = body["detail"]
    if response.status_code >= 500 and body.get("error_id"):
        message += f" (error id {body['error_id']})"
    return Failure(response.status_code, message, body.get("help"), body)


def segment(text: str) -> str:
    """`text` as one segment of a path, whatever is in it."""
    return quote(text, safe="@:") if text not in (".", "..") else quote(text).replace(".", "%2E")
