"""The Celery worker: one process that takes messages, and pool processes that work, each with one event loop."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging, worker_process_init, worker_process_shutdown, worker_shutting_down

from girih.jobs import INGEST, INGEST_QUEUE, make_client
from girih.worker.loop import ProcessLoop
from girih.worker.tasks import RECONCILE_SECONDS, Knowledge, reconcile

_log = structlog.get_logger(__name__)

_GRACE_SECONDS = 5.0
"""How long work in hand may go on after a stop was asked for, before it is handed on."""
_MEMORY_KB = 1_500_000
"""A pool process that has grown larger than this is replaced after its task."""

Opening = Callable[[], AbstractAsyncContextManager[Knowledge]]


class Worker:
    """What one pool process holds, and the flag by which the main process tells all of them to stop."""

    def __init__(self, redis_url: str, opening: Opening, reconcile_every: float = RECONCILE_SECONDS) -> None:
        self.client = make_client(redis_url)
        self._opening = opening
        self._every = reconcile_every
        self._loop: ProcessLoop[Knowledge] | None = None
        # One byte of shared memory without a lock: it is set inside a signal handler.
        self._stopping = multiprocessing.RawValue("b", 0)
        self._register()

    def run(self, concurrency: int) -> int:
        """Work until SIGTERM or Ctrl-C; returns the process's exit code."""
        # Celery warns of root because of messages that run code when they are read; ours are JSON, and nothing else is
        # accepted. In a container the image's own user works.
        warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)
        worker = self.client.Worker(
            pool="prefork",
            concurrency=concurrency,
            queues=[INGEST_QUEUE],
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            optimization="fair",
            max_memory_per_child=_MEMORY_KB,
        )
        worker.start()
        return int(worker.exitcode or 0)

    def _register(self) -> None:
        def ingest(job_id: str) -> None:
            began = time.monotonic()
            with structlog.contextvars.bound_contextvars(job_id=job_id):
                _log.debug("job begun")
                self._running().run(lambda knowledge: knowledge.ingest(job_id))
                _log.info("job ended", seconds=round(time.monotonic() - began, 3))

        self.client.task(name=INGEST)(ingest)
        setup_logging.connect(_keep_logging, weak=False)
        worker_process_init.connect(self._begin, weak=False)
        worker_process_shutdown.connect(self._end, weak=False)
        worker_shutting_down.connect(self._ask_to_stop, weak=False)

    def _running(self) -> ProcessLoop[Knowledge]:
        if self._loop is None:
            raise RuntimeError("a task ran outside of a pool process")
        return self._loop

    def _begin(self, **_: Any) -> None:
        # Opening may take longer than a pool process has to report back, so it goes on beside.
        self._loop = ProcessLoop(self._opening)
        self._loop.start(lambda knowledge: reconcile(knowledge, self.client, self._every))
        self._loop.start(lambda _: self._watch())

    def _end(self, **_: Any) -> None:
        if self._loop is not None:
            self._loop.close()

    def _ask_to_stop(self, **_: Any) -> None:
        self._stopping.value = 1

    async def _watch(self) -> None:
        """Hand work on that is not done shortly after the stop was asked for: its next holder resumes it."""
        while not self._stopping.value:  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.25)
        await asyncio.sleep(_GRACE_SECONDS)
        self._running().cancel()


def _keep_logging(**_: Any) -> None:
    """Logging is set up already: with somebody to ask, Celery leaves it as it is, only its chatter is turned down."""
    for chatty in ("celery.app.trace", "celery.worker.strategy", "kombu", "amqp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_in_one_sentence)
    logging.getLogger("py.warnings").addFilter(_no_default_to_come)


def _in_one_sentence(record: logging.LogRecord) -> bool:
    """A broker that is away is tried again until it is back: it deserves a line, not a page of stack."""
    if record.levelno <= logging.WARNING:
        record.exc_info = record.exc_text = None
    return True


def _no_default_to_come(record: logging.LogRecord) -> bool:
    """Celery warns at each lost connection of a default that will change; ours is chosen, in `jobs.py`."""
    return "CPendingDeprecationWarning" not in record.getMessage()
