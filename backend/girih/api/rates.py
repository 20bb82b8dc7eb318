"""What an answer says of the rate that its request was counted by."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Scope

from girih.errors import RateLimited
from girih.providers.limits.buckets import Verdict

STATE = "rate"
"""Under this name the request's state has the verdict, where requests are counted."""


def rate_headers(scope: Scope) -> Mapping[str, str]:
    """The headers of a request that was counted (`draft-ietf-httpapi-ratelimit-headers-07`): none where it was not."""
    verdict: Verdict | None = scope["state"].get(STATE)
    return _headers(verdict.limit, verdict.remaining, verdict.reset) if verdict is not None else {}


def refusal_headers(fault: RateLimited) -> Mapping[str, str]:
    """The headers of a request that was one too many."""
    return _headers(fault.details["limit"], 0, fault.details["reset"])


def _headers(limit: object, remaining: object, reset: object) -> Mapping[str, str]:
    return {"ratelimit-limit": str(limit), "ratelimit-remaining": str(remaining), "ratelimit-reset": str(reset)}
