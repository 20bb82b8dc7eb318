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
    """A running loop that holds one resource open. Opening is tried again until it succeeds; work waits for it.

    Closing the resource may take `closing` seconds.
    """

    def __init__(
        self, opening: Callable[[], AbstractAsyncContextManager[T]], *, closing: float = _CLOSING_SECONDS
    ) -> None:
        self._opening = opening
        self._patience = closing
        self._loop = asyncio.new_event_loop()
        self._opened: Future[T] = Future()
        self._closing = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="girih-loop", daemon=True)
        self._thread.start()
        self._life = asyncio.run_coroutine_threadsafe(self._live(), self._loop)

    def run(self, work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        """Run a coroutine on the loop and wait for its end, also for what it still does after `cancel`."""
        resource = self._opened.result()
        ended: Future[None] = Future()

        def begin() -> None:
            task = self._loop.create_task(work(resource))
            self._running.add(task)
            task.add_done_callback(end)

        def end(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            fault = None if task.cancelled() else task.exception()
            if fault is None:
                ended.set_result(None)
            else:
                ended.set_exception(fault)

        self._loop.call_soon_threadsafe(begin)
        ended.result()

    def start(self, work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        """Let a coroutine run beside the others until the loop is closed."""
        asyncio.run_coroutine_threadsafe(self._beside(work), self._loop)

    def cancel(self) -> None:
        """End what `run` waits for; it has a chance to hand its work on."""

        def end() -> None:
            for task in tuple(self._running):
                task.cancel()

        self._loop.call_soon_threadsafe(end)

    def begin_to_close(self) -> None:
        """Let the resource be closed, without waiting for it. May be called in a signal handler."""
        self._loop.call_soon_threadsafe(self._closing.set)

    def close(self) -> None:
        """Close the resource and stop the loop."""
        self.cancel()
        self.begin_to_close()
        with suppress(TimeoutError, CancelledError):
            self._life.result(self._patience)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSING_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()

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
        fault, _ = await asyncio.gather(task, closing, return_exceptions=True)
        if isinstance(fault, Exception):
            _log.warning("the worker could not do what it was rung for: %s", fault)
