"""Where a tool's service is and what it is shown of a secret: shared by all tools that are called over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from girih.errors import DatabaseUnavailable, NodeError, RunErrorKind, Unavailable
from girih.language.spec.tree import JsonObject
from girih.providers.credentials import Destination, NotForThere, Secrets, no_secrets, secret_variable
from girih.providers.outbound import OutboundClient, OutboundError, OutboundResponse, Reason
from girih.providers.retry_after import LONGEST_WAIT, retry_after
from girih.providers.veil import NO_VEIL, Veil

NOTHING: Mapping[str, str] = {}
HIDDEN = "(hidden)"
"""What is shown in place of a secret."""

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
_EPOCH = 1_000_000_000
"""What is more is a moment, not a number of seconds."""
_PASSING: frozenset[Reason] = frozenset({"timeout", "unreachable", "unreadable"})


class Credential(dict[str, str]):
    """The header that carries a secret, if there is one; it shows in no `repr`. `veil` is for what comes back."""

    def __init__(self, headers: Mapping[str, str] = NOTHING, veil: Veil = NO_VEIL) -> None:
        super().__init__(headers)
        self.veil = veil

    def __repr__(self) -> str:
        return f"Credential({', '.join(self)})"


@dataclass(frozen=True)
class Exchange:
    """One request and what came back: `headers` without the value of a secret; no `status` where nothing answered."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None = None
    status: int | None = None
    answer: bytes = b""


Seen: TypeAlias = Callable[[Exchange], None]
"""Gets every exchange that a call makes."""


@dataclass(frozen=True)
class Reach:
    """The way to services: the guarded client, the operator's base URLs by name, and the secrets of one project."""

    client: OutboundClient
    endpoints: Mapping[str, str]
    secrets: Secrets = field(default=no_secrets)

    def base(self, tool: str, binding: JsonObject) -> str:
        """The base URL. Raises `NodeError` for an endpoint that nobody has bound."""
        if "endpoint" not in binding:
            return str(binding["url"])
        name = binding["endpoint"]
        if name not in self.endpoints:
            raise NodeError(
                "unavailable",
                f"tool '{tool}' needs the endpoint '{name}', which is not set on this server",
                help=f'set GIRIH_ENDPOINTS=\'{{"{name}": "https://…"}}\'',
                can_pass=False,
            )
        return self.endpoints[name]

    async def credential(self, tool: str, binding: JsonObject) -> Credential:
        """The header that `auth` asks for. Raises `NodeError` for a secret that is not set or cannot be sent there."""
        auth = binding.get("auth")
        if not auth:
            return Credential()
        name = str(auth.get("bearer") or auth.get("value")).removeprefix("secret://")
        header = "authorization" if auth.get("bearer") else str(auth["header"]).lower()
        try:
            secret = await self.secrets(name, Destination(self.base(tool, binding), is_chosen="endpoint" in binding))
        except DatabaseUnavailable:
            raise
        except NotForThere as fault:
            raise NodeError("refused", f"tool '{tool}': {fault.message}", help=fault.help, can_pass=False) from fault
        except Unavailable as fault:
            raise NodeError("unavailable", f"tool '{tool}': {fault.message}", help=fault.help) from fault
        if not secret:
            raise NodeError(
                "unavailable",
                f"tool '{tool}' needs the secret '{name}', which is not set on this server",
                help=f"store it with `girih secrets set {name}`, or let the operator set {secret_variable(name)}",
                can_pass=False,
            )
        if header in _OWN_HEADERS or not (secret.isascii() and secret.isprintable()):
            message = f"tool '{tool}': the secret '{name}' cannot be sent in the header '{header}'"
            raise NodeError("refused", message, help="correct the secret's value or the header", can_pass=False)
        return Credential({header: f"Bearer {secret}" if auth.get("bearer") else secret}, Veil({name: secret}))

    async def exchange(
        self,
        tool: str,
        asked: Exchange,
        credential: Mapping[str, str],
        timeout: float,  # noqa: ASYNC109 - the client bounds the whole exchange with it
        seen: Seen | None,
    ) -> OutboundResponse:
        """Send one request with its credential, and tell of it without. Raises `NodeError` where nothing answers."""
        shown = replace(asked, headers={**asked.headers, **dict.fromkeys(credential, HIDDEN)})
        answer: OutboundResponse | None = None
        try:
            answer = await self.client.request(
                asked.method,
                asked.url,
                timeout=timeout,
                headers={**asked.headers, **credential},
                content=asked.content,
            )
            if isinstance(credential, Credential):
                answer = replace(answer, body=credential.veil.over_bytes(answer.body))
        except OutboundError as error:
            kind = _REASONS.get(error.reason, "tool_error")
            can_pass = error.reason in _PASSING
            raise NodeError(kind, f"tool '{tool}': {error.message}", help=error.help, can_pass=can_pass) from error
        finally:
            if seen is not None:
                seen(shown if answer is None else replace(shown, status=answer.status, answer=answer.body))
        return answer


def refused_by(tool: str, response: OutboundResponse) -> NodeError:
    """The failure that a status other than 2xx is."""
    is_limited = response.status == 403 and response.headers.get("x-ratelimit-remaining") == "0"
    kind = "rate_limit" if is_limited else _STATUS.get(response.status, "tool_error")
    can_pass = response.status >= 500 or response.status in _MAY_PASS or is_limited
    details: dict[str, Any] = {"status": response.status}
    wait = retry_after(response.headers)
    if wait is None and kind == "rate_limit":
        wait = _reset(response.headers.get("x-ratelimit-reset", ""))
    if wait is not None:
        details["retry_after"] = wait
    return NodeError(kind, f"tool '{tool}' answered HTTP {response.status}", can_pass=can_pass, **details)


def _reset(text: str) -> float | None:
    """Seconds until a limit is lifted, as some services say them beside the standard's `Retry-After`.

    It is a number of seconds, or the moment itself in seconds since 1970.
    """
    if not text.isdecimal() or len(text) > 12:
        return None
    said = float(text)
    return min(said if said < _EPOCH else max(0.0, said - time.time()), LONGEST_WAIT)
