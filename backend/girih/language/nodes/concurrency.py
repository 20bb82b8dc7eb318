"""Doing several things at once inside one node, and leaving none of them behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def started(works: Iterable[Coroutine[object, object, T]]) -> AsyncIterator[list[asyncio.Task[T]]]:
    """The works as running tasks. On leaving, those that still run are cancelled, and have ended."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class AsTheyEnd(Generic[T]):
    """Iterates over tasks as they end, each with its index; those that end at once come in the order given."""

    def __init__(self, tasks: list[asyncio.Task[T]]) -> None:
        self._places = {task: index for index, task in enumerate(tasks)}
        self._waiting: set[asyncio.Task[T]] = set(tasks)
        self._ended: list[asyncio.Task[T]] = []

    def __aiter__(self) -> AsTheyEnd[T]:
        return self

    async def __anext__(self) -> tuple[int, asyncio.Task[T]]:
        if not self._ended:
            if not self._waiting:
                raise StopAsyncIteration
            ended, self._waiting = await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
            self._ended = sorted(ended, key=lambda task: self._places[task])
        task = self._ended.pop(0)
        return self._places[task], task
