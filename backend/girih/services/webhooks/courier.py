"""Brings what runs have to tell to their webhooks: at least once each, from whichever process is there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

import structlog

from girih.db.unit_of_work import UnitOfWork, Work
from girih.providers.outbound import OutboundError, OutboundResponse
from girih.providers.retry_after import retry_after
from girih.services.webhooks import repository
from girih.services.webhooks.keys import SigningKeys
from girih.services.webhooks.messages import message
from girih.services.webhooks.repository import DueDelivery, Try
from girih.services.webhooks.signing import message_id, signed

log = structlog.get_logger("girih.webhooks")

AT_ONCE = 16
"""Deliveries that one process tries at the same time."""
KEPT = timedelta(days=30)
"""How long is kept what became of a delivery."""
FORGOTTEN_AT_ONCE = 1000
FORGETTING = 600.0
"""Seconds between two looks for deliveries that are not to be kept."""
GONE = 410
_FINAL = frozenset({"forbidden", "invalid_url", "redirect"})
"""Why a delivery is not tried again: the same would be said once more."""


class Posts(Protocol):
    """The guarded client, as far as it is needed."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,  # noqa: ASYNC109 - bounds the whole exchange
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        discard: bool = False,
    ) -> OutboundResponse:
        """Send one request. Raises `OutboundError`."""
        ...


@dataclass(frozen=True)
class Patience:
    """How long an answer may take, how long a process that takes a try has it for itself, and the waits between tries.

    In seconds. After the last wait and one more try a delivery has failed. `look` is how often is looked for what other
    processes left behind.
    """

    timeout: float = 10.0
    lease: float = 60.0
    look: float = 2.0
    waits: tuple[float, ...] = (5, 30, 120, 600, 1800, 7200, 21_600, 43_200)


@dataclass(frozen=True)
class _Parcel:
    """What is sent in a try that was taken."""

    taken: Try
    url: str
    body: bytes
    keys: tuple[str, ...]


@dataclass(frozen=True)
class _Answer:
    """What became of a try; `error` is `None` when the receiver has it, `wait` is what it asks for (seconds)."""

    status: int | None = None
    error: str | None = None
    wait: float = 0.0
    is_final: bool = False


Outcome = Literal["delivered", "put_off", "failed"]
"""What became of a try: the receiver has it, it is tried again, or it is given up."""
OnOutcome = Callable[[Outcome], None]


def _unheard(_: Outcome) -> None:
    """Nobody counts."""


class Courier:
    """Delivers in the background while it is started."""

    def __init__(
        self,
        uow: UnitOfWork,
        client: Posts,
        keys: SigningKeys,
        patience: Patience | None = None,
        on_outcome: OnOutcome = _unheard,
    ) -> None:
        self._uow = uow
        self._keys = keys
        self._client = client
        self._on_outcome = on_outcome
        self._patience = patience or Patience()
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._forgot = -FORGETTING

    async def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run(), name="webhooks")

    async def stop(self) -> None:
        """Let go at once: a try that is cut off is made again, once its lease is over."""
        tasks = [*self._under_way, *([self._task] if self._task is not None else [])]
        self._task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def ring(self) -> None:
        """There may be something to deliver."""
        self._rung.set()

    async def deliver_due(self) -> None:
        """Try everything whose time has come, and wait for what becomes of it."""
        while await self._begin():
            await asyncio.wait(set(self._under_way))

    async def forget(self) -> None:
        """Remove what was done long ago, or tells of runs that are not kept any more."""
        async with self._uow.reading_for("reconcile") as work:
            found = await repository.forgettable(work, kept=KEPT, limit=FORGOTTEN_AT_ONCE)
        for scope, numbers in found.items():
            async with self._uow(scope) as work:
                await repository.remove(work, numbers)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._rung.clear()
            try:
                await self._begin()
                if loop.time() >= self._forgot + FORGETTING:
                    self._forgot = loop.time()
                    await self.forget()
            except Exception as fault:  # noqa: BLE001 - the database may be away; the next look may find it again
                log.warning("cannot look for deliveries", error=type(fault).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience.look):
                    await self._rung.wait()

    async def _begin(self) -> bool:
        """Begin as many tries as there is room for; False where there is none or nothing is due."""
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            return False
        async with self._uow.reading_for("reconcile") as work:
            found = await repository.due(work, limit=room)
        for one in found:
            task = asyncio.create_task(self._deliver(one), name=f"webhook {one.id}")
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return bool(found)

    def _ended(self, task: asyncio.Task[None]) -> None:
        is_full = len(self._under_way) == AT_ONCE
        self._under_way.discard(task)
        if is_full:
            self.ring()
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.warning("a delivery was cut off", error=type(fault).__name__)

    async def _deliver(self, due: DueDelivery) -> None:
        parcel = await self._take(due)
        if parcel is None:
            return
        answer = await self._post(parcel)
        async with self._uow(due.scope) as work:
            outcome = await self._note(work, parcel.taken, answer)
        self._on_outcome(outcome)
        if answer.error is not None:
            log.info("webhook not delivered", delivery=message_id(due.id), reason=answer.error)

    async def _take(self, due: DueDelivery) -> _Parcel | None:
        """A try for this process alone; `None` where another one was faster."""
        async with self._uow(due.scope) as work:
            row = await repository.take(work, due.id, lease=timedelta(seconds=self._patience.lease))
            if row is None:
                return None
            if row.body is None:
                await repository.write(work, row, message(row, await repository.pauses_of(work, row)))
            taken, url, body = Try(row.id, row.tries), row.url, (row.body or "").encode()
        secret = await self._keys.of(due.scope)
        return _Parcel(taken, url, body, secret.both(datetime.now(UTC)))

    async def _post(self, parcel: _Parcel) -> _Answer:
        number, now = message_id(parcel.taken.id), int(datetime.now(UTC).timestamp())
        headers = {"content-type": "application/json", "user-agent": "girih"}
        headers |= signed(number, now, parcel.body, parcel.keys)
        try:
            response = await self._client.request(
                "POST",
                parcel.url,
                timeout=self._patience.timeout,
                headers=headers,
                content=parcel.body,
                discard=True,
            )
        except OutboundError as fault:
            return _Answer(error=fault.message, is_final=fault.reason in _FINAL)
        if 200 <= response.status < 300:
            return _Answer(response.status)
        said = f"the receiver answered {response.status}"
        return _Answer(response.status, said, retry_after(response.headers) or 0.0, response.status == GONE)

    async def _note(self, work: Work, taken: Try, answer: _Answer) -> Outcome:
        waits = self._patience.waits
        if answer.error is None:
            assert answer.status is not None  # noqa: S101 - who has it has said so
            await repository.delivered(work, taken, status=answer.status)
            return "delivered"
        if answer.is_final or taken.number > len(waits):
            await repository.failed(work, taken, status=answer.status, error=answer.error)
            return "failed"
        # Many that failed together are not to come back together.
        wait = max(waits[taken.number - 1] * random.uniform(0.8, 1.2), answer.wait)  # noqa: S311 - no secret
        later = timedelta(seconds=wait)
        await repository.put_off(work, taken, status=answer.status, error=answer.error, wait=later)
        return "put_off"
