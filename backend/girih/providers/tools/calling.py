"""The tools of one project, whatever they are: what each may do (how long, how often, again) is kept here."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Protocol

from girih.errors import NodeError
from girih.language.spec.policies import WORTH_A_RETRY
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.tools.reaching import Seen


class Rates(Protocol):
    """How often tools may be called in a minute, for one project."""

    async def take(self, tool: str, per_minute: int) -> float | None:
        """Take one call; else the seconds after which there may be one."""
        ...


class Calls(Protocol):
    """One way of calling tools."""

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - each way bounds its own exchange with it
        idempotency_key: str,
        seen: Seen | None = None,
    ) -> JsonValue:
        """Call once. Raises `NodeError`."""
        ...


class ProjectTools:
    """The `Tools` port: each tool by its own binding, within its `timeout`, `rate` and `retry`.

    A repetition is another call: it counts for the rate, and has the whole timeout. A `retry` of the node that calls
    takes the place of the tool's: such a node gives a contract without it, so that the two never multiply.
    """

    def __init__(self, ways: dict[str, Calls], rates: Rates) -> None:
        self._ways = ways
        self._rates = rates

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - handed on to each call
        idempotency_key: str,
    ) -> JsonValue:
        """Call, and call again where the tool says so and that may help. Raises `NodeError`."""
        retry: JsonObject = contract.get("retry") or {}
        number = 1
        while True:
            try:
                return await self.once(contract, arguments, timeout=timeout, idempotency_key=idempotency_key)
            except NodeError as failure:
                if number > retry.get("max", 0) or failure.kind not in WORTH_A_RETRY or not failure.can_pass:
                    raise
                await asyncio.sleep(_wait(retry, number, failure))
            number += 1

    async def once(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - handed on
        idempotency_key: str,
        seen: Seen | None = None,
    ) -> JsonValue:
        """One call, if the rate allows it. Raises `NodeError`."""
        way = next((way for name, way in self._ways.items() if name in contract), None)
        if way is None:
            message = f"tool '{contract['name']}' is called in a way that this process does not have"
            raise NodeError("unavailable", message, help="publish the tool again", can_pass=False)
        await self._take(contract)
        bound = min(timeout, contract.get("timeout") or timeout)
        return await way.call(contract, arguments, timeout=bound, idempotency_key=idempotency_key, seen=seen)

    async def _take(self, contract: JsonObject) -> None:
        rate = contract.get("rate")
        wait = await self._rates.take(contract["name"], rate) if rate else None
        if wait is not None:
            message = f"tool '{contract['name']}' may be called {rate} times a minute, and was"
            raise NodeError("rate_limit", message, help="try again later, or raise its 'rate'", retry_after=wait)


class ProcessRates:
    """Rates within one process, for where there is no database: a bucket that refills all the time for each tool."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}

    async def take(self, tool: str, per_minute: int) -> float | None:
        """See `Rates`."""
        now = self._now()
        tokens, at = self._buckets.get(tool, (float(per_minute), now))
        tokens = min(per_minute, tokens + (now - at) * per_minute / 60)
        self._buckets[tool] = (tokens - 1 if tokens >= 1 else tokens, now)
        return None if tokens >= 1 else (1 - tokens) * 60 / per_minute


def _wait(retry: JsonObject, number: int, failure: NodeError) -> float:
    """Seconds until the next attempt: anything up to a bound that doubles; what the service asks for is kept to."""
    longest = float(retry.get("longest", 30.0))
    bound = min(longest, float(retry.get("wait", 0.5)) * 2 ** (number - 1))
    asked = failure.details.get("retry_after")
    least = float(asked) if isinstance(asked, int | float) else 0.0
    return min(longest, max(least, random.uniform(0, bound)))  # noqa: S311 - spreads load, guards nothing
