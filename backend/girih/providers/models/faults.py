"""What went wrong at a model's provider, as one of the failures a graph can name. Never with a key or a body in it."""

from __future__ import annotations

from girih.errors import NodeError, RunErrorKind

_STATUS: dict[int, tuple[RunErrorKind, str]] = {
    401: ("unavailable", "the provider does not accept the API key"),
    403: ("unavailable", "the provider does not allow this key to use the model"),
    404: ("unavailable", "the provider does not know the model or the address"),
    408: ("timeout", "the provider gave up waiting"),
    413: ("refused", "the prompt is too large for the provider"),
    429: ("rate_limit", "the provider limits the rate of requests"),
    504: ("timeout", "the provider's gateway gave up waiting"),
}
_REFUSALS = frozenset({"content_filter", "content_policy_violation"})


def as_node_error(error: Exception, model: str) -> NodeError:
    """The failure that `error` stands for. Providers' clients share no base class, so shapes decide, not types:

    an HTTP `status_code` first, then the classes' names for time-outs and lost connections.
    """
    if isinstance(error, NodeError):
        return error
    status = getattr(error, "status_code", None)
    if getattr(error, "code", None) in _REFUSALS:
        return _fault("refused", model, "the provider's content filter refused the request", None)
    if isinstance(status, int):
        kind, text = _STATUS.get(status) or _other(status)
        return _fault(kind, model, text, status)
    names = {base.__name__ for base in type(error).__mro__}
    if isinstance(error, TimeoutError) or any("Timeout" in name for name in names):
        return _fault("timeout", model, "the provider did not answer in time", None)
    if isinstance(error, OSError) or any("Connect" in name or "Protocol" in name for name in names):
        return _fault("unavailable", model, "no connection to the provider", None)
    return _fault("unavailable", model, f"the provider's answer could not be read ({type(error).__name__})", None)


def _other(status: int) -> tuple[RunErrorKind, str]:
    if status >= 500:
        return "unavailable", "the provider has a fault of its own"
    if status < 400:
        return "unavailable", "the provider answers with a redirect, which is not followed"
    return "refused", "the provider rejected the request"


def _fault(kind: RunErrorKind, model: str, text: str, status: int | None) -> NodeError:
    suffix = f" (HTTP {status})" if status else ""
    return NodeError(kind, f"model '{model}': {text}{suffix}", help=_HELP.get(kind))


_HELP: dict[str, str] = {
    "rate_limit": "wait and run again, or name a second model with first_of",
    "timeout": "run again, or name a second model with first_of",
    "unavailable": "check the provider's address, its key and the model's name",
    "refused": "check the node's params and the prompt",
}
