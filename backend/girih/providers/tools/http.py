"""Tools that are HTTP services: a `tool/v1` document becomes a request, the answer becomes its typed result."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from girih.errors import NodeError
from girih.language.spec import strict_json
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.credentials import Secrets, no_secrets
from girih.providers.outbound import OutboundClient, OutboundResponse
from girih.providers.telemetry.context import TRACEPARENT
from girih.providers.tools.fitting import checked_arguments, typed_result
from girih.providers.tools.reaching import Exchange, Reach, Seen, refused_by

_IN_PATH = re.compile(r"\{([^{}]+)\}")
_IN_QUERY = frozenset({"GET", "HEAD", "DELETE"})
_NOTHING: Any = object()


class HttpTools:
    """Calls `http:` tools of one project. A secret goes into its header alone: no failure, event or result holds it."""

    def __init__(self, client: OutboundClient, endpoints: Mapping[str, str], secrets: Secrets = no_secrets) -> None:
        self._reach = Reach(client, endpoints, secrets)

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the client bounds the whole exchange with it
        idempotency_key: str,
        seen: Seen | None = None,
    ) -> JsonValue:
        """Call the tool once. Only what `returns` declares enters the graph; undeclared fields are left out.

        Raises `NodeError`: `invalid_output` for arguments that do not fit, `tool_error` for an answer that does not.
        The failure says in `can_pass` whether a repetition may help, and in `details["retry_after"]` (seconds) when the
        service wants to be asked again.
        """
        arguments = checked_arguments(contract, arguments)
        name, http = contract["name"], contract["http"]
        asked = _asked(name, self._reach.base(name, http), http, arguments, idempotency_key)
        credential = await self._reach.credential(name, http)
        response = await self._reach.exchange(name, asked, credential, timeout, seen)
        return typed_result(contract, http, _decoded(name, response))


@dataclass
class _Parts:
    """Where the arguments go that do not stand in the path."""

    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    fields: JsonObject = field(default_factory=dict)
    body: JsonValue = _NOTHING


def _asked(tool: str, base: str, http: JsonObject, arguments: JsonObject, idempotency_key: str) -> Exchange:
    """The request: parameters named in the path go there, the others where `send` says, or where the method does."""
    method, template = http.get("method", "GET").upper(), http.get("path", "/")
    used = set(_IN_PATH.findall(template))
    path = _IN_PATH.sub(lambda match: _segment(tool, match[1], arguments), template)
    parts = _Parts()
    for name, value in arguments.items():
        if name not in used and value is not None:
            _place(tool, name, value, (http.get("send") or {}).get(name, {}), method, parts)
    url = base.rstrip("/") + "/" + path.lstrip("/")
    if parts.query:
        url = f"{url}?{urlencode(parts.query, quote_via=quote)}"
    headers = {"accept": "application/json", "idempotency-key": idempotency_key, "user-agent": "girih"}
    if (trace := TRACEPARENT.get()) is not None:
        headers["traceparent"] = trace
    headers |= {name.lower(): text for name, text in (http.get("headers") or {}).items()} | parts.headers
    content = _content(method, parts)
    if content is not None:
        headers["content-type"] = "application/json"
    return Exchange(method, url, headers, content)


def _place(tool: str, name: str, value: JsonValue, sent: JsonObject, method: str, parts: _Parts) -> None:
    where = sent.get("in") or ("query" if method in _IN_QUERY else "field")
    wire = sent.get("as") or (name.replace("_", "-") if where == "header" else name)
    if where == "query":
        parts.query += _pairs(wire, value, sent.get("lists") or "repeat")
    elif where == "header":
        text = ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
        if not (text.isascii() and text.isprintable()):
            message = f"tool '{tool}': '{name}' is sent in a header, which takes printable ASCII only"
            raise NodeError("invalid_output", message, can_pass=False)
        parts.headers[wire.lower()] = text
    elif where == "body":
        parts.body = value
    else:
        parts.fields[wire] = value


def _content(method: str, parts: _Parts) -> bytes | None:
    if parts.body is not _NOTHING:
        return json.dumps(parts.body, ensure_ascii=False).encode()
    if parts.fields or method not in _IN_QUERY:
        return json.dumps(parts.fields, ensure_ascii=False).encode()
    return None


def _pairs(wire: str, value: JsonValue, lists: str) -> list[tuple[str, str]]:
    if not isinstance(value, list) or lists == "json":
        return [(wire, _text(value))]
    if lists == "comma":
        return [(wire, ",".join(map(_text, value)))]
    return [(wire, _text(item)) for item in value]


def _segment(tool: str, name: str, arguments: JsonObject) -> str:
    value = arguments.get(name)
    text = _text(value)
    if value is None or isinstance(value, dict | list) or text in ("", ".", ".."):
        message = f"tool '{tool}': '{name}' stands in the path and needs a plain, non-empty value"
        raise NodeError("invalid_output", message, can_pass=False)
    return quote(text, safe="")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _decoded(name: str, response: OutboundResponse) -> JsonValue:
    if not 200 <= response.status < 300:
        raise refused_by(name, response)
    if not response.body.strip():
        return {}
    try:
        return strict_json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise NodeError("tool_error", f"tool '{name}' answered something that is not JSON") from error
