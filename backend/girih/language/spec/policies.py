"""What every node may carry besides its own keys: when it runs, how often and how long, and what a failure does."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from girih.errors import RunErrorKind
from girih.language.spec.durations import Duration
from girih.language.spec.model import Name, Strict

ERROR_KINDS: tuple[str, ...] = get_args(RunErrorKind)
"""The closed list of failures that `retry.on` and `on_error.on` can name."""

WORTH_A_RETRY: tuple[RunErrorKind, ...] = ("rate_limit", "timeout", "unavailable")
"""What `retry` tries again unless it is told otherwise."""


def as_tuple(value: Any) -> Any:
    """A list as written for what is kept as a tuple: specs are read strictly, and a list is none."""
    return tuple(value) if isinstance(value, list) else value


Kinds = Annotated[tuple[RunErrorKind, ...], Field(min_length=1), BeforeValidator(as_tuple)]


class Retry(Strict):
    """How a failed node is tried again: at most `max` more times, after `wait` seconds that double up to `longest`.

    Each wait is shortened at random, so that many runs do not come back at once. What can never succeed (a refused
    certificate, status 400, 401, 403, 404 or 422) is not tried again, whatever `on` says.
    """

    max: Annotated[int, Field(ge=1, le=10)] = 2
    on: Kinds = WORTH_A_RETRY
    wait: Duration = 0.5
    longest: Duration = 30.0


class Timeout(Strict):
    """How long a node may take: each `attempt`, and all attempts with their waits in `total` (seconds)."""

    attempt: Duration | None = None
    total: Duration | None = None


class OnError(Strict):
    """What happens instead of failing the run: go to a node, or take a value as the result.

    `on` names the failures it is for; without it, it is for all of them.
    """

    on: Kinds = tuple(get_args(RunErrorKind))
    to: str | None = None
    value: dict[str, Any] | None = None


class Cache(Strict):
    """How long (seconds) a result stands in for running the node again with the same settings and values.

    `key` replaces the values in what decides whether it is the same.
    """

    ttl: Duration
    key: Any = None


def as_retry(value: Any) -> Any:
    """`retry: 2` is how many more times."""
    return {"max": value} if isinstance(value, int | float | str) else value


def as_timeout(value: Any) -> Any:
    """`timeout: 30s` bounds each attempt."""
    return value if isinstance(value, dict) or value is None else {"attempt": value}


def as_cache(value: Any) -> Any:
    """`cache: 10m` is its time to live."""
    return value if isinstance(value, dict) or value is None else {"ttl": value}


class Policies(Strict):
    """The keys every node may carry besides `next`, `title` and `description`."""

    when: str | None = None
    retry: Annotated[Retry | None, BeforeValidator(as_retry)] = None
    timeout: Annotated[Timeout | None, BeforeValidator(as_timeout)] = None
    on_error: OnError | None = None
    cache: Annotated[Cache | None, BeforeValidator(as_cache)] = None
    write: dict[Name, Any] = Field(default_factory=dict)
