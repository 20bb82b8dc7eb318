"""Buckets that all processes share, in Redis or Valkey; without an answer each process counts for itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from girih.providers.limits.buckets import Ask, LocalBuckets, Verdict, verdict_of

log = structlog.get_logger("girih.limits")

PREFIX: Final = "girih:rate:"
_PATIENCE: Final = 0.25
"""Seconds that an answer is waited for."""
_AWAY: Final = 2.0
"""Seconds for which a server that did not answer is not asked again."""

# Times are in microseconds, as Redis tells them, so that all processes go by one clock.
_TAKE: Final = """
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local passes, after, before = 1, {}, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  before[i] = math.max(now, tonumber(redis.call('GET', key) or now))
  after[i] = before[i] + interval
  if after[i] - now > burst * interval then passes = 0 end
end
local told = {passes}
for i, key in ipairs(KEYS) do
  local moment = passes == 1 and after[i] or before[i]
  if passes == 1 then
    redis.call('SET', key, string.format('%.0f', moment), 'PX', math.ceil((moment - now) / 1000) + 1)
  end
  told[i + 1] = string.format('%.0f', moment - now)
end
return told
"""


class SharedBuckets:
    """The `Buckets` of all processes that ask one server. It is never a way around: nobody passes for its sake."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
        self._take = self._redis.register_script(_TAKE)
        self._local = LocalBuckets()
        self._away_until = 0.0

    async def take(self, asks: Sequence[Ask]) -> Verdict:
        """See `Buckets`."""
        if time.monotonic() >= self._away_until:
            try:
                return await self._shared(asks)
            except (RedisError, OSError) as fault:
                log.warning("requests are counted by each process for itself", error=type(fault).__name__)
                self._away_until = time.monotonic() + _AWAY
        return await self._local.take(asks)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _shared(self, asks: Sequence[Ask]) -> Verdict:
        numbers = [number for ask in asks for number in (round(ask.rate.interval * 1e6), ask.rate.burst)]
        told = await self._take(keys=[PREFIX + ask.name for ask in asks], args=numbers)
        return verdict_of([int(one) / 1e6 for one in told[1:]], asks, passes=told[0] == 1)
