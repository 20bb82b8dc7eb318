"""How often somebody may try passwords and tokens: for each that is tried, and for each client address."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from ipaddress import IPv6Address, ip_address
from typing import Final

from girih.errors import RateLimited
from girih.providers.limits.buckets import Ask, Buckets, LocalBuckets, Rate
from girih.providers.limits.shared import SharedBuckets
from girih.settings import Settings

_REMEMBERED: Final = 100_000
"""Buckets of a process without a Redis. Whoever tries many addresses is stopped at his own before he fills them."""
_OFTENER: Final = 10
"""How much oftener a client may refresh sessions: the server of an app does it for all who use the app."""


class Guesses:
    """Counts attempts. There is no way around it: without the shared count each process counts for itself."""

    def __init__(self, buckets: Buckets, per_target: int, per_client: int) -> None:
        self._buckets = buckets
        self._per_target = Rate(per_target, per_target)
        self._per_client = Rate(per_client, per_client)
        self._often = Rate(per_client * _OFTENER, per_client * _OFTENER)

    async def take(self, what: str, target: str, client: str, *, often: bool = False) -> None:
        """Count one attempt on a target (an address, a token) from a client. Raises `RateLimited` for one too many.

        `often`: attempts of that kind are a matter of course.
        """
        # Hashed: what is tried is nothing for whoever looks into the shared count.
        hashed = hashlib.sha256(target.strip().lower().encode(errors="replace")).hexdigest()
        rate, name = (self._often, "often") if often else (self._per_client, "guess")
        asks = [Ask(f"guess:{what}:{hashed}", self._per_target), Ask(f"{name}:client:{network_of(client)}", rate)]
        verdict = await self._buckets.take(asks)
        if not verdict.passes:
            raise RateLimited(
                "too many attempts",
                help=f"try again in {verdict.wait} s",
                retry_after=verdict.wait,
                limit=verdict.limit,
                reset=verdict.reset,
            )


def network_of(client: str) -> str:
    """What counts as one client: an address, and of IPv6 the network that one household has (/64)."""
    try:
        address = ip_address(client)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def make_guesses(stack: AsyncExitStack, settings: Settings) -> Guesses:
    """Counted by all processes together where there is a Redis."""
    rates = settings.guesses_per_minute, settings.guesses_per_minute_per_client
    if not settings.redis_url:
        return Guesses(LocalBuckets(_REMEMBERED), *rates)
    shared = SharedBuckets(settings.redis_url)
    stack.push_async_callback(shared.aclose)
    return Guesses(shared, *rates)
