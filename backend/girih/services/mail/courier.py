"""Takes mails to the mail server: after the commit that asked for them, from whichever process is there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from girih.db.unit_of_work import UnitOfWork
from girih.providers.mail.base import Mail, Mailer, MailFault

log = structlog.get_logger("girih.mail")

AT_ONCE = 4
"""Mails that one process sends at the same time."""


@dataclass(frozen=True)
class Patience:
    """How long a process that takes a try has it for itself, how often is looked, and the waits between tries.

    In seconds. After the last wait and one more try a mail has failed.
    """

    lease: float = 120.0
    look: float = 2.0
    waits: tuple[float, ...] = (10, 60, 300, 900, 3600, 14_400)


class Taken(Protocol):
    """A try that this process has for itself."""

    @property
    def number(self) -> int:
        """Which try it is; the first is 1."""
        ...

    def mail(self) -> Mail:
        """What is sent. Raises `MailFault` for what makes no sense any more."""
        ...

    async def sent(self) -> None:
        """The mail server has it."""
        ...

    async def failed(self, error: str) -> None:
        """It is not tried again."""
        ...

    async def put_off(self, error: str, wait: timedelta) -> None:
        """It is tried again after a while."""
        ...


class Box(Protocol):
    """Where rows stand that somebody is to be written about."""

    async def take(self, uow: UnitOfWork, *, limit: int, lease: timedelta) -> Sequence[Taken]:
        """Tries that nobody else has, of what is due."""
        ...


class Courier:
    """Sends in the background while it is started."""

    def __init__(self, uow: UnitOfWork, mailer: Mailer, boxes: Sequence[Box], patience: Patience | None = None) -> None:
        self._uow = uow
        self._mailer = mailer
        self._boxes = boxes
        self._patience = patience or Patience()
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="mails")

    async def stop(self) -> None:
        """Let go at once: a try that is cut off is made again, once its lease is over."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def ring(self) -> None:
        """There may be something to send."""
        self._rung.set()

    async def send_due(self) -> int:
        """Try everything whose time has come, and wait for what becomes of it; how many that were."""
        count = 0
        lease = timedelta(seconds=self._patience.lease)
        for box in self._boxes:
            while taken := await box.take(self._uow, limit=AT_ONCE, lease=lease):
                count += len(taken)
                await asyncio.gather(*(self._send(one) for one in taken))
        return count

    async def _run(self) -> None:
        while True:
            self._rung.clear()
            try:
                await self.send_due()
            except Exception as fault:  # noqa: BLE001 - the database may be away; the next look may find it again
                log.warning("cannot look for mails", error=type(fault).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience.look):
                    await self._rung.wait()

    async def _send(self, taken: Taken) -> None:
        try:
            mail = taken.mail()
            await self._mailer.send(mail)
        except MailFault as fault:
            await self._note(taken, fault)
        except Exception as fault:  # noqa: BLE001 - one that always fails must fail in the end, and stop no other
            log.warning("a mail could not be sent", error=type(fault).__name__)
            await self._note(taken, MailFault("the mail could not be made"))
        else:
            await taken.sent()
            log.info("mail sent", mail=str(mail.id))

    async def _note(self, taken: Taken, fault: MailFault) -> None:
        log.info("mail not sent", reason=fault.message)
        waits = self._patience.waits
        if fault.is_final or taken.number > len(waits):
            await taken.failed(fault.message)
            return
        # Many that failed together are not to come back together.
        wait = waits[taken.number - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        await taken.put_off(fault.message, timedelta(seconds=wait))
