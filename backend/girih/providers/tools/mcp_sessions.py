"""Speaking to MCP servers over streamable HTTP, through the guarded client: JSON-RPC, sessions, lists of tools."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from girih.errors import NodeError
from girih.language.spec import strict_json
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.outbound import OutboundResponse
from girih.providers.tools.reaching import Exchange, Reach, Seen, refused_by

HANDSHAKE = "2025-11-25"
"""The newest protocol that begins with `initialize`; a server may answer with an older one."""

STATELESS = "2026-07-28"
"""The protocol in which each request says all about itself."""

LISTED_FOR = 60.0
"""Seconds for which a server's list of tools is taken as current."""

_UNDERSTOOD = ("2025-03-26", "2025-06-18", HANDSHAKE)
_NO_HANDSHAKE = frozenset({-32022, -32601})
"""What servers answer to `initialize` that know only the stateless protocol."""
_MOST_SESSIONS = 512
_MOST_PAGES = 20
_META = "io.modelcontextprotocol"
_CLIENT = {"name": "girih", "version": "1"}


class RpcError(Exception):
    """The server's own refusal of a request."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass
class _Session:
    """What is known of one server for one credential."""

    version: str = ""
    id: str | None = None
    tools: Mapping[str, JsonObject] = field(default_factory=dict)
    listed_at: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Line:
    """The way to one server for one tool: who asks, where, with which credential, and for how long (seconds)."""

    tool: str
    url: str
    credential: Mapping[str, str]
    timeout: float
    reach: Reach

    def key(self, project: str) -> str:
        """What sessions are told apart by; the credential goes in as a hash alone."""
        secret = hashlib.sha256(json.dumps(sorted(self.credential.items())).encode()).hexdigest()
        return f"{project} {self.url} {secret}"


class McpSessions:
    """The sessions with all servers, of one process. Projects share none."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._known: OrderedDict[str, _Session] = OrderedDict()
        self._numbers = itertools.count(1)

    async def tools(self, project: str, line: Line) -> Mapping[str, JsonObject]:
        """The server's tools by name, as they were at most `LISTED_FOR` seconds ago. Raises `NodeError`."""
        session = self._session(project, line)
        async with session.lock:
            if session.listed_at is None or self._now() - session.listed_at >= LISTED_FOR:
                session.tools = await self._listed(session, line)
                session.listed_at = self._now()
        return session.tools

    async def called(
        self, project: str, line: Line, name: str, arguments: JsonObject, key: str, seen: Seen | None = None
    ) -> JsonObject:
        """The result of one call of a tool. Raises `NodeError`."""
        session = self._session(project, line)
        async with session.lock:
            await self._begun(session, line)
        params = {"name": name, "arguments": arguments}
        found = await self._asked(session, line, "tools/call", params, {"idempotency-key": key}, seen)
        return found if isinstance(found, dict) else {}

    def _session(self, project: str, line: Line) -> _Session:
        key = line.key(project)
        session = self._known.setdefault(key, _Session())
        self._known.move_to_end(key)
        while len(self._known) > _MOST_SESSIONS:
            self._known.popitem(last=False)
        return session

    async def _listed(self, session: _Session, line: Line) -> dict[str, JsonObject]:
        await self._begun(session, line)
        found: dict[str, JsonObject] = {}
        params: JsonObject = {}
        for _ in range(_MOST_PAGES):
            page = await self._asked(session, line, "tools/list", params, {}, None)
            tools = page.get("tools") if isinstance(page, dict) else None
            listed = tools if isinstance(tools, list) else []
            found |= {str(tool.get("name")): tool for tool in listed if isinstance(tool, dict)}
            if not isinstance(page, dict) or not page.get("nextCursor"):
                break
            params = {"cursor": page["nextCursor"]}
        return found

    async def _begun(self, session: _Session, line: Line) -> None:
        """Agree on the protocol, unless that was done before."""
        if session.version:
            return
        offer = {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": _CLIENT}
        try:
            answer, response = await self._rpc(session, line, "initialize", offer, {}, None)
        except RpcError as refused:
            if refused.code not in _NO_HANDSHAKE:
                raise _told(line.tool, refused) from refused
            session.version = STATELESS
            return
        version = str(answer.get("protocolVersion")) if isinstance(answer, dict) else ""
        if version not in _UNDERSTOOD:
            message = f"tool '{line.tool}': the MCP server speaks version '{version[:20]}', which is not known"
            raise NodeError("tool_error", message, can_pass=False)
        session.version, session.id = version, response.headers.get("mcp-session-id")
        await self._posted(session, line, {"jsonrpc": "2.0", "method": "notifications/initialized"}, {}, None)

    async def _asked(
        self,
        session: _Session,
        line: Line,
        method: str,
        params: JsonObject,
        headers: Mapping[str, str],
        seen: Seen | None,
    ) -> JsonValue:
        """One request, in a new session where the server has forgotten the old one."""
        try:
            try:
                return (await self._rpc(session, line, method, params, headers, seen))[0]
            except NodeError as failure:
                if failure.details.get("status") != 404 or session.id is None:
                    raise
            session.version, session.id = "", None
            await self._begun(session, line)
            return (await self._rpc(session, line, method, params, headers, seen))[0]
        except RpcError as refused:
            raise _told(line.tool, refused) from refused

    async def _rpc(
        self,
        session: _Session,
        line: Line,
        method: str,
        params: JsonObject,
        headers: Mapping[str, str],
        seen: Seen | None,
    ) -> tuple[JsonValue, OutboundResponse]:
        number = next(self._numbers)
        more = dict(headers)
        if session.version == STATELESS:
            meta = {f"{_META}/protocolVersion": STATELESS, f"{_META}/clientInfo": _CLIENT}
            params = {**params, "_meta": {**meta, f"{_META}/clientCapabilities": {}}}
            more |= {"mcp-method": method} | ({"mcp-name": params["name"]} if method == "tools/call" else {})
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        response = await self._posted(session, line, message, more, seen)
        is_forgotten = response.status == 404 and session.id is not None
        answer = None if is_forgotten else _answer_to(number, response)
        if answer is None:
            if not 200 <= response.status < 300:
                raise refused_by(line.tool, response)
            raise NodeError("tool_error", f"tool '{line.tool}': what answers is no MCP server over streamable HTTP")
        if isinstance(error := answer.get("error"), dict):
            raise RpcError(_code(error), str(error.get("message"))[:500])
        return answer.get("result"), response

    async def _posted(
        self, session: _Session, line: Line, message: JsonObject, headers: Mapping[str, str], seen: Seen | None
    ) -> OutboundResponse:
        known = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        known |= {"user-agent": "girih", **headers}
        if session.version:
            known["mcp-protocol-version"] = session.version
        if session.id is not None:
            known["mcp-session-id"] = session.id
        asked = Exchange("POST", line.url, known, json.dumps(message, ensure_ascii=False).encode())
        return await line.reach.exchange(line.tool, asked, line.credential, line.timeout, seen)


def _answer_to(number: int, response: OutboundResponse) -> JsonObject | None:
    """The message that answers a request: the body itself, or one of a stream of events."""
    is_stream = response.headers.get("content-type", "").lower().startswith("text/event-stream")
    for text in _events(response.body) if is_stream else (response.body,):
        try:
            message = strict_json.loads(text)
        except (ValueError, RecursionError):
            continue
        is_answer = isinstance(message, dict) and ("result" in message or "error" in message)
        if is_answer and message.get("id") in (number, None):
            return dict(message)
    return None


def _events(body: bytes) -> list[bytes]:
    """The data of each event of a stream."""
    text = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found = []
    for event in text.split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
        if lines:
            found.append(b"\n".join(lines))
    return found


def _code(error: Mapping[str, Any]) -> int:
    code = error.get("code")
    return code if isinstance(code, int) else 0


def _told(tool: str, refused: RpcError) -> NodeError:
    message = f"tool '{tool}': the MCP server refused the request ({refused.code}): {refused.message}"
    return NodeError("tool_error", message, can_pass=False)
