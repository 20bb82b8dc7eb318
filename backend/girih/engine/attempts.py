"""How often, how long and with what pauses a node is tried."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from girih.engine.failures import NodeFailedError, failure_of
from girih.errors import Paused
from girih.language.compiler.plan import PlanNode, PlanRetry, PlanTimeout

T = TypeVar("T")

Told = Callable[[int, NodeFailedError, float], None]
"""Gets the number of the attempt that failed, its failure, and the seconds until the next one."""


async def tried(node: PlanNode, path: str, work: Callable[[int], Awaitable[T]], told: Told) -> T:
    """The result of `work`, which gets the number of its attempt from 1, within the node's times and tries.

    Raises `NodeFailedError` when it fails for good, and lets `Paused` pass: waiting is no failure.
    """
    limits = node.timeout or PlanTimeout()
    try:
        async with asyncio.timeout(limits.total) as total:
            return await _tries(node.retry, path, lambda number: _attempt(work, number, limits.attempt, path), told)
    except TimeoutError as error:
        if not total.expired():
            raise
        raise _too_slow(path, "all attempts together", limits.total) from error


async def _tries(retry: PlanRetry | None, path: str, work: Callable[[int], Awaitable[T]], told: Told) -> T:
    number = 1
    while True:
        try:
            return await work(number)
        except Paused:
            raise
        except Exception as error:
            failure = failure_of(error, path)
            if retry is None or number > retry.max or failure.kind not in retry.on or not failure.can_pass:
                raise failure from error
        wait = backoff(retry, number, failure)
        told(number, failure, wait)
        await asyncio.sleep(wait)
        number += 1


async def _attempt(work: Callable[[int], Awaitable[T]], number: int, seconds: float | None, path: str) -> T:
    try:
        async with asyncio.timeout(seconds) as clock:
            return await work(number)
    except TimeoutError as error:
        if not clock.expired():
            raise
        raise _too_slow(path, "one attempt", seconds) from error


def backoff(retry: PlanRetry, number: int, failure: NodeFailedError) -> float:
    """Seconds until the attempt after `number`: anything up to a bound that doubles (full jitter).

    A time that the other side asks for is kept to, up to the longest the author allows.
    """
    bound = min(retry.longest, retry.wait * 2 ** (number - 1))
    asked = failure.details.get("retry_after")
    least = float(asked) if isinstance(asked, int | float) else 0.0
    return min(retry.longest, max(least, random.uniform(0, bound)))  # noqa: S311 - spreads load, guards nothing


def _too_slow(path: str, what: str, seconds: float | None) -> NodeFailedError:
    return NodeFailedError("timeout", f"{what} took more than {seconds:g} s", node=path, help="raise timeout")
