"""The worker's loop waits for what it cancels."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from girih.worker.loop import ProcessLoop


@asynccontextmanager
async def opening() -> AsyncIterator[list[str]]:
    yield []


def test_work_that_is_cancelled_hands_itself_on_before_run_returns() -> None:
    said: list[str] = []

    async def work(_: list[str]) -> None:
        try:
            threading.Timer(0.05, loop.cancel).start()
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.3)
            said.append("handed on")

    loop = ProcessLoop(opening)
    loop.run(work)
    assert said == ["handed on"]
    loop.close()


def test_a_fault_of_the_work_is_the_fault_of_run() -> None:
    async def work(_: list[str]) -> None:
        raise LookupError("lost")

    loop = ProcessLoop(opening)
    with pytest.raises(LookupError, match="lost"):
        loop.run(work)
    loop.close()
