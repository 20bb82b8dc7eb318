"""The jobs girih hands to Celery, by name, and the client that rings for them."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from girih.db.unit_of_work import Dispatch

_log = logging.getLogger(__name__)

INGEST = "knowledge.ingest"
"""Documents wait to be read. Which of them, and whose turn it is, the rows say."""

EMBED = "knowledge.embed"
"""Documents wait to be embedded."""

RUN = "runs.execute"
"""Begin one run, or go on with it. Argument: the run's id."""

SYNC = "sources.sync"
"""Bring one collection in step with a source. Argument: the sync's id."""

PARSE_QUEUE = "ingest.parse"
EMBED_QUEUE = "ingest.embed"
RUN_QUEUE = "runs"
SYNC_QUEUE = "sync"
ROUTES = {
    INGEST: {"queue": PARSE_QUEUE},
    EMBED: {"queue": EMBED_QUEUE},
    RUN: {"queue": RUN_QUEUE},
    SYNC: {"queue": SYNC_QUEUE},
}

HINTS = frozenset({INGEST, EMBED})
"""Rings that name no job: one stands for all that came since the one before."""

_LONGEST_JOB = 3600
_WAITING_RINGS = 10_000
_HINT_GAP = 0.2
"""Seconds between two hints of a kind: ten thousand uploads leave a few dozen messages, and not ten thousand."""
_HINT_LIFE = 60
"""Seconds; whoever starts later looks for work by itself."""


def make_client(redis_url: str) -> Celery:
    """The Celery application. The broker carries hints only: the record of a job is its row, and its lease there."""
    client = Celery("girih", broker=redis_url, set_as_current=False)
    client.conf.update(
        task_serializer="json",
        accept_content=["json"],
        result_serializer="json",
        task_ignore_result=True,
        task_routes=ROUTES,
        task_default_queue=PARSE_QUEUE,
        task_acks_late=True,
        # A message whose worker died is not put back: a job that kills its process would come back for ever. The
        # lease of its row runs out instead, and its attempts are counted.
        task_reject_on_worker_lost=False,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        # A worker outlives its broker, also one that is not there yet when the worker starts.
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": _LONGEST_JOB,
            # A ring does not wait for a broker that is away; the worker's own connection is tried for ever, see above.
            "max_retries": 1,
            "interval_start": 0,
            "socket_connect_timeout": 1,
            "socket_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 25,
        },
        worker_cancel_long_running_tasks_on_connection_loss=False,
        enable_utc=True,
    )
    return client


def make_dispatch(redis_url: str) -> Dispatch:
    """Rings for jobs from a thread of its own: returns at once and never raises.

    A ring is lost while the broker is away; the worker finds the job's row a few seconds later all the same.
    """
    return _Bell(make_client(redis_url)).ring


class _Bell:
    """A queue of rings and the thread that sends them."""

    def __init__(self, client: Celery) -> None:
        self._client = client
        self._rings: queue.Queue[tuple[str, str]] = queue.Queue(_WAITING_RINGS)
        self._lock = threading.Lock()
        self._hinted: set[str] = set()
        self._next_hint: dict[str, float] = {}
        self._thread: threading.Thread | None = None
        self._away = False

    def ring(self, job: str, job_id: str) -> None:
        """Hand one ring to the thread, which starts with the first."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._send_all, name="girih-bell", daemon=True)
                self._thread.start()
            if job in self._hinted:
                return
            if job in HINTS:
                self._hinted.add(job)
        try:
            self._rings.put_nowait((job, job_id))
        except queue.Full:
            with self._lock:
                self._hinted.discard(job)
            self._note_away("too many jobs wait to be rung for")

    def _send_all(self) -> None:
        later: dict[str, float] = {}
        while True:
            soonest = max(0.0, min(later.values()) - time.monotonic()) if later else None
            with suppress(queue.Empty):
                job, job_id = self._rings.get(timeout=soonest)
                if job in HINTS:
                    later[job] = self._next_hint.get(job, 0.0)
                else:
                    self._send(job, args=[job_id])
            for job in [job for job, due in later.items() if due <= time.monotonic()]:
                del later[job]
                self._hint(job)

    def _hint(self, job: str) -> None:
        with self._lock:
            self._hinted.discard(job)
        self._send(job, expires=_HINT_LIFE)
        self._next_hint[job] = time.monotonic() + _HINT_GAP

    def _send(self, job: str, **options: Any) -> None:
        try:
            self._client.send_task(job, retry=False, ignore_result=True, **options)
        except (OperationalError, OSError) as fault:
            self._note_away(str(fault))
        else:
            if self._away:
                _log.info("the broker is back")
            self._away = False

    def _note_away(self, why: str) -> None:
        if not self._away:
            _log.warning("the broker does not answer; jobs start a little later until it is back (%s)", why)
        self._away = True
