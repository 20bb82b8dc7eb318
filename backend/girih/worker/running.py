"""The worker's role `runs`: executes background runs, many at once on the process's one event loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from celery.signals import worker_shutting_down

from girih.jobs import RUN, RUN_QUEUE, make_client
from girih.logs import configure_logging
from girih.wiring.environment import read_settings
from girih.wiring.runs import open_runs
from girih.worker.chatter import tame
from girih.worker.loop import ProcessLoop

_HAND_ON_SECONDS = 15.0
"""How long handing runs on may take when the grace is over."""


class Runs(Protocol):
    """What the worker asks of the runs service."""

    async def take(self, run_id: str) -> None:
        """Begin a run that was rung for."""
        ...


class RunsWorker:
    """Takes messages in the main thread and passes each on to the loop at once: a message is only a doorbell.

    Runs go on while the broker is away: the service finds those that wait by itself.
    """

    def __init__(
        self, redis_url: str, opening: Callable[[], AbstractAsyncContextManager[Runs]], *, grace: float
    ) -> None:
        self.client = make_client(redis_url)
        self._loop = ProcessLoop(opening, closing=grace + _HAND_ON_SECONDS)
        self.client.task(name=RUN)(self._take)
        worker_shutting_down.connect(self._stop, weak=False)

    def run(self) -> int:
        """Work until SIGTERM or Ctrl-C; returns the process's exit code."""
        tame()
        worker = self.client.Worker(
            pool="solo",
            concurrency=1,
            queues=[RUN_QUEUE],
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            optimization="fair",
        )
        worker.start()
        self._loop.close()
        return int(worker.exitcode or 0)

    def _take(self, run_id: str) -> None:
        self._loop.start(lambda runs: runs.take(run_id))

    def _stop(self, **_: Any) -> None:
        """Begin to let go of runs at once, also where Celery still waits for its broker."""
        self._loop.begin_to_close()


def main() -> int:
    """Execute runs until SIGTERM or Ctrl-C. The settings are known to be good."""
    settings = read_settings()
    configure_logging(settings.log_level, settings.log_format)
    return RunsWorker(settings.redis_url, lambda: open_runs(settings), grace=settings.shutdown_grace).run()
