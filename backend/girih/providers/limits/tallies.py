"""How many hold something at once, under a name. Whoever holds it says so again in time, or counts no more."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Final, Protocol

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger("girih.limits")

LASTS: Final = 30.0
"""Seconds after which a holder counts no more that was not heard of: its process has ended."""

PREFIX: Final = "girih:held:"
_PATIENCE: Final = 0.25
"""Seconds that an answer is waited for."""
_AWAY: Final = 2.0
"""Seconds for which a server that did not answer is not asked again."""

# Times are in seconds of the server's clock. Each name is a set of holders by the moment they count until.
_JOIN: Final = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] * 1000) + 1000)
return redis.call('ZCARD', KEYS[1])
"""


class Tally(Protocol):
    """Counts holders by name."""

    async def join(self, name: str, holder: str) -> int:
        """Count a holder in. Returns how many there are with it."""
        ...

    async def stay(self, held: Mapping[str, Collection[str]]) -> None:
        """Say of the holders of each name that they are still there."""
        ...

    async def leave(self, name: str, holder: str) -> None:
        """Count a holder out."""
        ...


class LocalTally:
    """The holders in this process alone."""

    def __init__(self) -> None:
        self._held: dict[str, dict[str, float]] = {}

    async def join(self, name: str, holder: str) -> int:
        """See `Tally`."""
        now = time.monotonic()
        kept = {one: until for one, until in self._held.get(name, {}).items() if until > now}
        self._held[name] = kept | {holder: now + LASTS}
        return len(self._held[name])

    async def stay(self, held: Mapping[str, Collection[str]]) -> None:
        """See `Tally`. What nobody spoke of for long goes."""
        now = time.monotonic()
        for name, holders in held.items():
            self._held.setdefault(name, {}).update(dict.fromkeys(holders, now + LASTS))
        for name in [name for name, known in self._held.items() if all(until <= now for until in known.values())]:
            del self._held[name]

    async def leave(self, name: str, holder: str) -> None:
        """See `Tally`."""
        known = self._held.get(name, {})
        known.pop(holder, None)
        if not known:
            self._held.pop(name, None)


class SharedTally:
    """The holders in all processes that ask one Redis or Valkey; without an answer those of this process count."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
        self._join = self._redis.register_script(_JOIN)
        self._local = LocalTally()
        self._away_until = 0.0

    async def join(self, name: str, holder: str) -> int:
        """See `Tally`."""
        here = await self._local.join(name, holder)
        if time.monotonic() < self._away_until:
            return here
        try:
            return max(here, int(await self._join(keys=[PREFIX + name], args=[LASTS, holder])))
        except (RedisError, OSError) as fault:
            self._gone(fault)
            return here

    async def stay(self, held: Mapping[str, Collection[str]]) -> None:
        """See `Tally`."""
        await self._local.stay(held)
        if time.monotonic() < self._away_until:
            return
        try:
            for name, holders in held.items():
                await self._join(keys=[PREFIX + name], args=[LASTS, *holders])
        except (RedisError, OSError) as fault:
            self._gone(fault)

    async def leave(self, name: str, holder: str) -> None:
        """See `Tally`. Where the server does not answer, the holder is forgotten in its time."""
        await self._local.leave(name, holder)
        if time.monotonic() < self._away_until:
            return
        try:
            await self._redis.zrem(PREFIX + name, holder)
        except (RedisError, OSError) as fault:
            self._gone(fault)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def _gone(self, fault: Exception) -> None:
        log.warning("what is held at once is counted by each process for itself", error=type(fault).__name__)
        self._away_until = time.monotonic() + _AWAY
