"""Tools that are HTTP services: a `tool/v1` document becomes a request, the answer becomes its typed result."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from girih.errors import NodeError, RunErrorKind
from girih.language.spec import conform, strict_json
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue
from girih.providers.credentials import Secrets, no_secrets, secret_variable
from girih.providers.outbound import OutboundClient, OutboundError, OutboundResponse, Reason
from girih.providers.retry_after import retry_after
from girih.providers.telemetry.context import TRACEPARENT

_IN_PATH = re.compile(r"\{([^{}]+)\}")
_IN_QUERY = frozenset({"GET", "HEAD", "DELETE"})
_STATUS: Mapping[int, RunErrorKind] = {
    408: "timeout",
    429: "rate_limit",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
}
_OWN_HEADERS = frozenset({"host", "connection", "content-length", "content-type", "transfer-encoding"})
"""Headers that belong to the exchange itself."""
_MAY_PASS = frozenset({408, 409, 425, 429})
"""The statuses below 500 with which the same call may succeed later."""
_REASONS: Mapping[Reason, RunErrorKind] = {
    "timeout": "timeout",
    "unreachable": "unavailable",
    "tls": "unavailable",
    "forbidden": "refused",
}
_PASSING: frozenset[Reason] = frozenset({"timeout", "unreachable", "unreadable"})


class HttpTools:
    """The `Tools` port for `http:` tools.

    For one project: `endpoints` are the operator's base URLs by name; `secrets` gives the value of a secret by name, if
    it is set. A value goes into its header and nowhere else: no failure, event or result holds it.
    """

    def __init__(
        self,
        client: OutboundClient,
        endpoints: Mapping[str, str],
        secrets: Secrets = no_secrets,
    ) -> None:
        self._client = client
        self._endpoints = endpoints
        self._secrets = secrets

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the client bounds the whole exchange with it
        idempotency_key: str,
    ) -> JsonValue:
        """Call the tool once. Only what `returns` declares enters the graph; undeclared fields are left out.

        Raises `NodeError`: `invalid_output` for arguments that do not fit, `tool_error` for an answer that does not.
        The call is never repeated here: that is the business of the node's `retry`, which is told what can pass, and in
        `details["retry_after"]` (seconds) when the service wants to be asked again.
        """
        name = contract["name"]
        parameters, returns = tool_schemas(contract)
        _require(parameters, arguments, "invalid_output", f"the arguments for tool '{name}' do not fit")
        url, content = self._request(contract, arguments)
        headers = {"accept": "application/json", "idempotency-key": idempotency_key, "user-agent": "girih"}
        if (trace := TRACEPARENT.get()) is not None:
            headers["traceparent"] = trace
        headers |= await self._credential(contract)
        if content is not None:
            headers["content-type"] = "application/json"
        try:
            response = await self._client.request(
                contract["http"].get("method", "GET"), url, timeout=timeout, headers=headers, content=content
            )
        except OutboundError as error:
            kind = _REASONS.get(error.reason, "tool_error")
            can_pass = error.reason in _PASSING
            raise NodeError(kind, f"tool '{name}': {error.message}", help=error.help, can_pass=can_pass) from error
        result = conform.settled(_declared(returns, _decoded(name, response)), returns)
        _require(returns, result, "tool_error", f"tool '{name}' answered something else than it declares")
        return result

    def _request(self, document: JsonObject, arguments: JsonObject) -> tuple[str, bytes | None]:
        """The URL and the body: parameters named in the path go there, the others into the query or a JSON body."""
        http = document["http"]
        template = http.get("path", "/")
        used = set(_IN_PATH.findall(template))
        path = _IN_PATH.sub(lambda match: _segment(document["name"], match[1], arguments), template)
        rest = {name: value for name, value in arguments.items() if name not in used and value is not None}
        url = self._base(document).rstrip("/") + "/" + path.lstrip("/")
        if http.get("method", "GET").upper() in _IN_QUERY:
            return (f"{url}?{_query(rest)}" if rest else url), None
        return url, json.dumps(rest, ensure_ascii=False).encode()

    async def _credential(self, document: JsonObject) -> dict[str, str]:
        """The header that `auth` asks for. Raises `NodeError` for a secret that is not set or cannot be sent."""
        auth = document["http"].get("auth")
        if not auth:
            return {}
        name = str(auth.get("bearer") or auth.get("value")).removeprefix("secret://")
        header = "authorization" if auth.get("bearer") else str(auth["header"]).lower()
        secret, tool = await self._secrets(name), document["name"]
        if not secret:
            raise NodeError(
                "unavailable",
                f"tool '{tool}' needs the secret '{name}', which is not set on this server",
                help=f"set {secret_variable(name)}",
                can_pass=False,
            )
        if header in _OWN_HEADERS or not (secret.isascii() and secret.isprintable()):
            message = f"tool '{tool}': the secret '{name}' cannot be sent in the header '{header}'"
            raise NodeError("refused", message, help="correct the secret's value or the header", can_pass=False)
        return {header: f"Bearer {secret}" if auth.get("bearer") else secret}

    def _base(self, document: JsonObject) -> str:
        http = document["http"]
        if "endpoint" not in http:
            return str(http["url"])
        if http["endpoint"] not in self._endpoints:
            raise NodeError(
                "unavailable",
                f"tool '{document['name']}' needs the endpoint '{http['endpoint']}', which is not set on this server",
                help=f'set GIRIH_ENDPOINTS=\'{{"{http["endpoint"]}": "https://…"}}\'',
                can_pass=False,
            )
        return self._endpoints[http["endpoint"]]


def _segment(tool: str, name: str, arguments: JsonObject) -> str:
    value = arguments.get(name)
    text = _text(value)
    if value is None or isinstance(value, dict | list) or text in ("", ".", ".."):
        message = f"tool '{tool}': '{name}' stands in the path and needs a plain, non-empty value"
        raise NodeError("invalid_output", message, can_pass=False)
    return quote(text, safe="")


def _query(values: JsonObject) -> str:
    pairs = [
        (name, _text(item))
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])
    ]
    return urlencode(pairs, quote_via=quote)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _decoded(name: str, response: OutboundResponse) -> JsonValue:
    if not 200 <= response.status < 300:
        kind = _STATUS.get(response.status, "tool_error")
        can_pass = response.status >= 500 or response.status in _MAY_PASS
        details: dict[str, Any] = {"status": response.status}
        if (wait := retry_after(response.headers)) is not None:
            details["retry_after"] = wait
        message = f"tool '{name}' answered HTTP {response.status}"
        raise NodeError(kind, message, can_pass=can_pass, **details)
    if not response.body.strip():
        return {}
    try:
        return strict_json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise NodeError("tool_error", f"tool '{name}' answered something that is not JSON") from error


def _declared(schema: JsonSchema, value: JsonValue) -> JsonValue:
    """The value without what a closed object of the schema does not declare."""
    if isinstance(value, dict) and schema.get("additionalProperties") is False:
        known = schema.get("properties", {})
        return {key: _declared(known[key], item) for key, item in value.items() if key in known}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_declared(schema["items"], item) for item in value]
    return value


def _require(schema: JsonSchema, value: JsonValue, kind: RunErrorKind, message: str) -> None:
    if faults := conform.contract(schema).misfits(value):
        raise NodeError(
            kind,
            f"{message}: {'; '.join(map(str, faults[:3]))}",
            can_pass=kind != "invalid_output",  # the same arguments never fit
            faults=[f.as_dict() for f in faults],
        )
