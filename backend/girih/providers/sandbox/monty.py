"""The sandbox: programs run by Monty, a Python of its own in worker processes that reach nothing outside."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from girih.errors import NodeError, RunErrorKind
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.sandbox.plain import MAX_RESULT, Plain, require_small, wrong

MAX_INPUT = 8_000_000
"""Characters and values that may be passed to a program, all in all."""

_GRACE = 1.0

# The kind of failure by the exception that ends a program; all others are the program's own fault.
_LIMITS: Mapping[str, tuple[RunErrorKind, str, str]] = {
    "TimeoutError": ("timeout", "the program took longer than its {timeout:g} s", "raise timeout:, or do less"),
    "MemoryError": (
        "budget",
        "the program needed more than its {memory_mb} MB",
        "raise memory_mb:, or keep less at once",
    ),
    "RecursionError": ("budget", "the program calls itself too deeply", "write a loop"),
}


class Turn:
    """One program's turn on a worker; stopping it ends the worker, for nothing else stops a program at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: int | None = None
        self._is_stopped = False

    @contextmanager
    def taken_by(self, worker: int | None) -> Iterator[None]:
        """The program runs on the worker with that process id. Raises `NodeError` if it was stopped before."""
        with self._lock:
            if self._is_stopped:
                raise NodeError("unavailable", "the program was stopped before it began")
            self._worker = worker
        try:
            yield
        finally:
            with self._lock:
                self._worker = None

    def stop(self) -> None:
        """End the worker if the program still runs."""
        with self._lock:
            self._is_stopped = True
            if self._worker is not None:
                with suppress(ProcessLookupError):
                    os.kill(self._worker, signal.SIGKILL)


class MontySandbox:
    """Runs programs in a pool of `processes` workers, started with the first program and ended by `close`.

    A worker has no files, network, environment, clock or entropy; one that crashes or hangs is replaced and fails the
    program it ran. Programs above the number of workers wait for their turn.
    """

    def __init__(self, *, processes: int = 4, max_output: int = MAX_RESULT) -> None:
        self._processes = processes
        self._max_output = max_output
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="girih-sandbox")
        self._opening = asyncio.Lock()
        self._turns: set[Turn] = set()
        self._pool: Any = None
        self._monty: Any = None

    async def run(self, code: str, inputs: JsonObject, *, timeout: float, memory_mb: int) -> JsonValue:  # noqa: ASYNC109 - the sandbox's limit
        """See `Sandbox`. What the program prints is thrown away."""
        require_small(inputs, MAX_INPUT)
        await self._open()
        turn = Turn()
        self._turns.add(turn)
        work = partial(self._run, turn, code, inputs, timeout, memory_mb)
        try:
            value = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            turn.stop()
            self._turns.discard(turn)
        return Plain(self._max_output).value(value)

    async def close(self) -> None:
        """End the workers; programs that still run are ended with them."""
        for turn in self._turns:
            turn.stop()
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.__exit__, None, None, None)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _open(self) -> None:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncio.to_thread(self._opened)

    def _opened(self) -> Any:
        # Loaded with the first program: most processes run none. The pool that is used from threads, because the one
        # for asyncio was seen to abort the interpreter at its end (1.4.0).
        try:
            self._monty = importlib.import_module("pydantic_monty")
            pool = self._monty.Monty(
                max_processes=self._processes,
                feed_duration_limit_grace=_GRACE,
                max_checkouts_per_worker=1000,
            )
            return pool.__enter__()
        except (ImportError, OSError, RuntimeError) as fault:
            raise _missing() from fault

    def _run(self, turn: Turn, code: str, inputs: JsonObject, timeout: float, memory_mb: int) -> Any:
        monty = self._monty
        limits = {
            "max_feed_duration_secs": timeout,
            "max_memory": memory_mb * 2**20,
            "max_recursion_depth": 400,
            "max_suspensions": 1,
            "max_total_sleep_secs": 0.0,
        }
        nothing = {"datetime": "call_host", "random_start": "call_host", "sleep": "zero"}
        try:
            session = self._pool.checkout(script_name="program.py", limits=limits, os_policy=nothing)
            with session, turn.taken_by(session.worker_pid):
                return session.feed_run(code, inputs=dict(inputs), print_callback=_ignore)
        except monty.MontyCrashedError as crash:
            raise _crashed(crash, timeout) from crash
        except monty.MontyConversionError as fault:
            raise wrong(f"the program's result is no data: {fault}") from fault
        except monty.MontyError as fault:
            raise _failed(fault, timeout, memory_mb) from fault
        except RuntimeError as fault:
            raise _missing() from fault  # no worker could be started


def _ignore(stream: str, text: str) -> None:
    del stream, text


def _missing() -> NodeError:
    return NodeError(
        "unavailable",
        "there is no sandbox here to run code in",
        help="install girih[server], which brings pydantic-monty with its worker",
        can_pass=False,
    )


def _crashed(crash: Any, timeout: float) -> NodeError:
    if getattr(crash, "timed_out", False):
        return NodeError(
            "timeout", f"the program took longer than its {timeout:g} s", help="raise timeout:, or do less"
        )
    return NodeError(
        "invalid_output",
        "the program crashed the sandbox it ran in",
        help="do less at once; the sandbox has been replaced",
        can_pass=False,
    )


def _failed(fault: Any, timeout: float, memory_mb: int) -> NodeError:
    said = str(fault)
    name = said.partition(":")[0]
    frames = fault.traceback() if hasattr(fault, "traceback") else ()
    line = f" (line {frames[-1].line})" if frames else ""
    if name in _LIMITS:
        kind, message, way_out = _LIMITS[name]
        return NodeError(kind, message.format(timeout=timeout, memory_mb=memory_mb), help=way_out, can_pass=False)
    return wrong(f"the program failed{line}: {said[:500]}")
