"""How often callers may ask: a rate for each key or person, and one for each organization, from the settings."""

from __future__ import annotations

from contextlib import AsyncExitStack

from girih.db.tenancy import OrgScope
from girih.errors import RateLimited
from girih.providers.limits.buckets import Ask, Buckets, LocalBuckets, Rate, Verdict
from girih.providers.limits.shared import SharedBuckets
from girih.providers.limits.tallies import LocalTally, SharedTally, Tally
from girih.services.runs.at_once import Bounds
from girih.settings import Settings


class Limits:
    """Counts the requests of callers. Without a rate nothing is counted; a key may have one of its own.

    `streams_at_once` is how many a caller may have open (0: any number), as the `tally` counts them.
    """

    def __init__(
        self,
        buckets: Buckets,
        per_caller: Rate | None,
        per_organization: Rate | None,
        *,
        burst: float,
        streams_at_once: int,
        tally: Tally,
    ) -> None:
        self._burst = burst
        self.streams_at_once = streams_at_once
        self.tally = tally
        self._buckets = buckets
        self._per_caller = per_caller
        self._per_organization = per_organization

    async def take(self, scope: OrgScope) -> Verdict | None:
        """Count one request of a caller. Raises `RateLimited` for one too many; `None` where nothing is counted."""
        asks = []
        if scope.requests_per_minute is not None:
            asks.append(Ask(f"{scope.org_id}:{scope.key_id}:own", _rate_of(scope.requests_per_minute, self._burst)))
        if self._per_caller is not None:
            asks.append(Ask(f"{scope.org_id}:{scope.actor}", self._per_caller))
        if self._per_organization is not None:
            asks.append(Ask(str(scope.org_id), self._per_organization))
        if not asks:
            return None
        verdict = await self._buckets.take(asks)
        if not verdict.passes:
            raise RateLimited(
                "too many requests",
                help=f"send it again in {verdict.wait} s",
                retry_after=verdict.wait,
                limit=verdict.limit,
                reset=verdict.reset,
            )
        return verdict


def make_limits(stack: AsyncExitStack, settings: Settings) -> Limits:
    """Shared by all processes where there is a Redis, else of each process alone."""
    rates = _rate(settings.requests_per_minute, settings), _rate(settings.requests_per_minute_per_org, settings)
    buckets: Buckets = LocalBuckets()
    if settings.redis_url:
        buckets = SharedBuckets(settings.redis_url)
        stack.push_async_callback(buckets.aclose)
    return Limits(
        buckets,
        *rates,
        burst=settings.request_burst,
        streams_at_once=settings.streams_at_once,
        tally=make_tally(stack, settings),
    )


def make_tally(stack: AsyncExitStack, settings: Settings) -> Tally:
    """What counts things held at once, of all processes where there is a Redis."""
    if not settings.redis_url:
        return LocalTally()
    shared = SharedTally(settings.redis_url)
    stack.push_async_callback(shared.aclose)
    return shared


def bounds_of(settings: Settings) -> Bounds:
    """How many runs there may be at once."""
    return Bounds(settings.runs_at_once, settings.runs_at_once_per_org)


def _rate(per_minute: int, settings: Settings) -> Rate | None:
    return _rate_of(per_minute, settings.request_burst) if per_minute else None


def _rate_of(per_minute: int, burst: float) -> Rate:
    return Rate(per_minute, max(1, round(per_minute * burst)))
