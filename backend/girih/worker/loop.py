"""The one event loop of a worker process, in a thread beside Celery's own work: database pools are bound to a loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Generic, TypeVar

from girih.errors import GirihError

_log = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_SECONDS = 2.0
_CLOSING_SECONDS = 10.0


class ProcessLoop(Generic[T]):
    """A running loop that holds one resource open. Opening is tried again until it succeeds; work waits for it."""

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._opening = opening
        self._loop = asyncio.new_event_loop()
        self._opened: Future[T] = Future()
        self._closing = asyncio.Event()
        self._running: set[Future[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="girih-loop", daemon=True)
        self._thread.start()
        self._life = asyncio.run_coroutine_threadsafe(self._live(), self._loop)

    def run(self, work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine on the loop and wait for its end; returns early when `cancel` ends it."""
        future = asyncio.run_coroutine_threadsafe(work(self._opened.result()), self._loop)
        self._running.add(future)
        try:
            with suppress(CancelledError):
                future.result()
        finally:
            self._running.discard(future)

    def start(self, work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        """Let a coroutine run beside the others until the loop is closed."""
        asyncio.run_coroutine_threadsafe(self._beside(work), self._loop)

    def cancel(self) -> None:
        """End what `run` waits for; it has a chance to hand its work on."""
        for future in tuple(self._running):
            future.cancel()

    def close(self) -> None:
        """Close the resource and stop the loop."""
        self.cancel()
        self._loop.call_soon_threadsafe(self._closing.set)
        with suppress(TimeoutError, CancelledError):
            self._life.result(_CLOSING_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_SECONDS)

    async def _live(self) -> None:
        while not self._closing.is_set():
            try:
                async with self._opening() as resource:
                    self._opened.set_result(resource)
                    await self._closing.wait()
            except (GirihError, OSError) as fault:
                _log.warning("the worker cannot start yet: %s", fault)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), _RETRY_SECONDS)

    async def _beside(self, work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        resource = await asyncio.wrap_future(self._opened)
        task = asyncio.create_task(work(resource))
        closing = asyncio.create_task(self._closing.wait())
        await asyncio.wait({task, closing}, return_when=asyncio.FIRST_COMPLETED)
        for each in (task, closing):
            each.cancel()
        await asyncio.gather(task, closing, return_exceptions=True)
