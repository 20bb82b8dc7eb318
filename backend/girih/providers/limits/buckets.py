"""Rates of requests, kept by the generic cell rate algorithm: one moment for each caller, no windows that can be gamed.

The moment is when the bucket will be empty again. A request moves it on by one interval, and is refused where that
would lie further ahead than a full bucket.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol


@dataclass(frozen=True)
class Rate:
    """So many requests a minute, of which `burst` may come at once."""

    per_minute: int
    burst: int

    @property
    def interval(self) -> float:
        """Seconds between two requests at that rate."""
        return 60.0 / self.per_minute


@dataclass(frozen=True)
class Ask:
    """Whose request is to be counted, and the rate that holds for it."""

    name: str
    rate: Rate


@dataclass(frozen=True)
class Verdict:
    """Whether a request may pass, and how the bucket stands that leaves the least room.

    `limit` and `remaining` count requests that may come at once; `reset` (seconds) is when the bucket is full again,
    `wait` (seconds) when the next request may come.
    """

    passes: bool
    limit: int
    remaining: int
    reset: int
    wait: int


class Buckets(Protocol):
    """Counts requests. A request passes all of its rates and is counted by each, or is counted by none."""

    async def take(self, asks: Sequence[Ask]) -> Verdict:
        """Count one request, if it may pass."""
        ...


def verdict_of(ahead: Sequence[float], asks: Sequence[Ask], *, passes: bool) -> Verdict:
    """What is said of a request; `ahead` are the seconds each bucket needs to be empty, with it if it was counted."""
    standing = [(_room(ask.rate, seconds), ask, seconds) for ask, seconds in zip(asks, ahead, strict=True)]
    remaining, ask, seconds = min(standing, key=lambda one: one[0])
    wait = max(seconds - (ask.rate.burst - 1) * ask.rate.interval for _, ask, seconds in standing)
    return Verdict(passes, ask.rate.burst, remaining, ceil(seconds), max(1, ceil(wait)) if wait > 0 else 0)


def _room(rate: Rate, seconds: float) -> int:
    """How many requests may come at once into a bucket that needs so many seconds to be empty."""
    return max(0, int(rate.burst - seconds / rate.interval + 1e-6))


class LocalBuckets:
    """Buckets of this process alone; those that were asked for longest ago go when there are more than `size`."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._empty_at: OrderedDict[str, float] = OrderedDict()

    async def take(self, asks: Sequence[Ask]) -> Verdict:
        """See `Buckets`."""
        now = time.monotonic()
        before = [max(now, self._empty_at.get(ask.name, now)) for ask in asks]
        after = [moment + ask.rate.interval for moment, ask in zip(before, asks, strict=True)]
        passes = all(
            moment - now <= ask.rate.burst * ask.rate.interval + 1e-9 for moment, ask in zip(after, asks, strict=True)
        )
        for ask, moment in zip(asks, after, strict=True):
            if passes:
                self._empty_at[ask.name] = moment
                self._empty_at.move_to_end(ask.name)
        while len(self._empty_at) > self._size:
            self._empty_at.popitem(last=False)
        kept = after if passes else before
        return verdict_of([moment - now for moment in kept], asks, passes=passes)
