"""What the worker does with a message, and what it does without one: it looks for jobs nobody rang for."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Protocol

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError

from girih.jobs import INGEST, INGEST_QUEUE

_log = logging.getLogger(__name__)

RECONCILE_SECONDS = 3.0
IDLE = timedelta(seconds=5)


class Knowledge(Protocol):
    """What the worker asks of the knowledge service."""

    async def ingest(self, job_id: str) -> None:
        """Run one ingestion to its end."""
        ...

    async def due(self, idle: timedelta) -> list[str]:
        """Ids of ingestions that should be rung for."""
        ...


async def reconcile(knowledge: Knowledge, client: Celery, every: float = RECONCILE_SECONDS) -> None:
    """Ring again and again for jobs whose message was lost or whose worker died. Runs until it is cancelled."""
    while True:
        await asyncio.sleep(every)
        try:
            await ring_again(knowledge, client)
        except Exception as fault:  # noqa: BLE001 - database or broker is away: the next round comes in seconds
            _log.warning("could not look for waiting jobs: %s", fault)


async def ring_again(knowledge: Knowledge, client: Celery) -> None:
    """One round. While messages wait in the queue nothing is added to them: each stands for a job already."""
    job_ids = await knowledge.due(IDLE)
    if job_ids and await asyncio.to_thread(_waiting, client) == 0:
        for job_id in job_ids:
            await asyncio.to_thread(client.send_task, INGEST, args=[job_id], retry=False, ignore_result=True)


def _waiting(client: Celery) -> int:
    """How many messages wait in the queue. Raises `OperationalError` when the broker is away."""
    with client.connection_for_write() as connection:
        try:
            connection.connect()
            declared = connection.default_channel.queue_declare(queue=INGEST_QUEUE, passive=True)
        except ChannelError:  # an empty queue does not exist
            return 0
        except OSError as fault:
            raise OperationalError(str(fault)) from fault
        return int(declared.message_count)
