"""What went wrong at a model's provider, as one of the failures a graph can name. Never with a key or a body in it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from girih.errors import NodeError, RunErrorKind
from girih.providers.outbound import OutboundError
from girih.providers.retry_after import retry_after

_STATUS: dict[int, tuple[RunErrorKind, str]] = {
    401: ("unavailable", "the provider does not accept the API key"),
    403: ("unavailable", "the provider does not allow this key to use the model"),
    404: ("unavailable", "nothing of OpenAI's protocol is at the provider's address"),
    405: ("unavailable", "nothing of OpenAI's protocol is at the provider's address"),
    408: ("timeout", "the provider gave up waiting"),
    409: ("unavailable", "the provider is busy with the same request"),
    413: ("refused", "the prompt is too large for the provider"),
    425: ("unavailable", "the provider is not ready yet"),
    429: ("rate_limit", "the provider limits the rate of requests"),
    504: ("timeout", "the provider's gateway gave up waiting"),
}
_REFUSALS = frozenset({"content_filter", "content_policy_violation"})
_NO_STREAM = "No generation"
"""How LangChain tells an answer without a single event, such as a page for people."""
_MAY_PASS = frozenset({408, 409, 425, 429})
"""The statuses below 500 with which the same request may succeed later."""


def as_node_error(error: Exception, model: str) -> NodeError:
    """The failure that `error` stands for. Providers' clients share no base class, so shapes decide, not types:

    an HTTP `status_code` first, then a refused certificate anywhere below, then the classes' names for time-outs and
    lost connections. A wait that the provider asks for is in `details["retry_after"]` (seconds).
    """
    if isinstance(error, NodeError):
        return error
    if getattr(error, "code", None) in _REFUSALS:
        return _fault("refused", model, "the provider's content filter refused the request", can_pass=False)
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _by_status(error, status, model)
    return _by_causes(list(_causes(error)), model)


def _by_causes(causes: list[BaseException], model: str) -> NodeError:
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        text = "the provider's certificate is not accepted, or it does not speak TLS"
        return _fault("unavailable", model, text, can_pass=False)
    for cause in causes:
        if isinstance(cause, OutboundError) and cause.reason in ("forbidden", "invalid_url"):
            return _fault("unavailable", model, cause.message, can_pass=False)
    names = {base.__name__ for cause in causes for base in type(cause).__mro__}
    if TimeoutError.__name__ in names or any("Timeout" in name for name in names):
        return _fault("timeout", model, "the provider did not answer in time")
    if OSError.__name__ in names or any("Connect" in name or "Protocol" in name for name in names):
        return _fault("unavailable", model, "no connection to the provider")
    if any(_NO_STREAM in str(cause) for cause in causes if isinstance(cause, ValueError)):
        return _fault("unavailable", model, "what is at the provider's address does not answer as a model does")
    return _fault("unavailable", model, f"the provider's answer could not be read ({type(causes[0]).__name__})")


def _by_status(error: Exception, status: int, model: str) -> NodeError:
    kind, text = _STATUS.get(status) or _other(status)
    if status == 404 and _is_about_the_model(error):
        text = "the provider does not know a model of that name"
    wait = retry_after(getattr(getattr(error, "response", None), "headers", {}))
    can_pass = status >= 500 or status in _MAY_PASS
    return _fault(kind, model, f"{text} (HTTP {status})", can_pass=can_pass, status=status, retry_after=wait)


def _is_about_the_model(error: Exception) -> bool:
    """Whether a provider's 404 speaks of the model, and not of the address: each has its own words and codes."""
    body = getattr(error, "body", None)
    told = str(body.get("message") or body.get("detail") or "") if isinstance(body, dict) else ""
    return getattr(error, "code", None) == "model_not_found" or "model" in told.lower()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it was raised from, outermost first."""
    found: BaseException | None = error
    for _ in range(12):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def _other(status: int) -> tuple[RunErrorKind, str]:
    if status >= 500:
        return "unavailable", "the provider has a fault of its own"
    if status < 400:
        return "unavailable", "the provider answers with a redirect, which is not followed"
    return "refused", "the provider rejected the request"


def _fault(kind: RunErrorKind, model: str, text: str, *, can_pass: bool = True, **details: object) -> NodeError:
    told = {name: value for name, value in details.items() if value is not None}
    return NodeError(kind, f"model '{model}': {text}", help=_HELP.get(kind), can_pass=can_pass, **told)


_HELP: dict[str, str] = {
    "rate_limit": "wait and run again, or name a second model with first_of",
    "timeout": "run again, or name a second model with first_of",
    "unavailable": "check the provider's address, its key and the model's name",
    "refused": "check the node's params and the prompt",
}
