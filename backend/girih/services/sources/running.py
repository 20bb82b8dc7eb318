"""The life of syncs in a worker: begun by the clock, taken under a lease, kept alive, given back, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import GirihError, InvalidInput, LeaseLost, Unavailable
from girih.jobs import SYNC
from girih.providers.loaders.base import SourceFault
from girih.services.schedules.cron import next_moment
from girih.services.sources import leases, repository, sync_repository
from girih.services.sources.leases import Held
from girih.services.sources.repository import Due
from girih.services.sources.schemas import SyncIn
from girih.services.sources.syncing import Syncing

log = structlog.get_logger("girih.syncs")

_DELAY = timedelta(seconds=5)
_DUE = 50
_DUE_PER_ORGANIZATION = 10


class SyncRunner:
    """Runs syncs. `lease` is how long a silent holder keeps one, `attempts` how often one may get nowhere."""

    def __init__(
        self, uow: UnitOfWork, syncing: Syncing, *, lease: timedelta = timedelta(seconds=30), attempts: int = 3
    ) -> None:
        self._uow = uow
        self._syncing = syncing
        self._lease = lease
        self._attempts = attempts

    async def run(self, sync_id: str) -> None:
        """Run a sync to its end, if it is free to be taken. Never raises for what is wrong with its source."""
        held = await self._claim(UUID(sync_id))
        if held is None:
            return
        try:
            await self._while_held(held)
        except asyncio.CancelledError:
            await self._end(held, leases.hand_on)
            raise
        except LeaseLost as fault:
            log.info("a sync ends early", sync=sync_id, reason=fault.message)
        except SourceFault as fault:
            await self._fail(held, fault, again=fault.can_pass)
        except Unavailable as fault:
            await self._fail(held, fault, again=True)
        except GirihError as fault:
            await self._fail(held, fault, again=False)
        except Exception:
            # Whatever it is: it is logged, tried again, and bounded by the attempts.
            log.exception("a sync failed", sync=sync_id)
            await self._fail(held, Unavailable("an internal error, which the server's log describes"), again=True)

    async def due(self) -> list[str]:
        """Ids of syncs of all organizations that can be taken now, fairly mixed."""
        async with self._uow.reading_for("reconcile") as work:
            return await leases.due(work, _DUE, _DUE_PER_ORGANIZATION)

    async def fire_due(self) -> None:
        """Queue a sync of every data store whose moment has come. Any number of processes may do that at once."""
        async with self._uow.reading_for("reconcile") as work:
            found = await repository.due(work, limit=_DUE)
        for seen in found:
            async with self._uow(seen.scope) as work:
                await _fire(work, seen)

    async def _claim(self, sync_id: UUID) -> Held | None:
        async with self._uow.reading_for("reconcile") as work:
            scope = await leases.scope_of(work, sync_id)
        if scope is None:
            return None
        async with self._uow(scope) as work:
            return await leases.claim(work, scope, sync_id, self._lease, self._attempts)

    async def _while_held(self, held: Held) -> None:
        """Work and beat at once; whichever fails first ends both."""
        work = asyncio.create_task(self._syncing.run(held))
        beat = asyncio.create_task(self._beat(held))
        try:
            await asyncio.wait({work, beat}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            beating = not beat.done()
            for task in (work, beat):
                task.cancel()
            await asyncio.gather(work, beat, return_exceptions=True)
        await (work if beating else beat)

    async def _beat(self, held: Held) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            async with self._uow(held.scope) as work:
                await leases.beat(work, held, self._lease)

    async def _fail(self, held: Held, fault: GirihError, *, again: bool) -> None:
        reason = fault.message if fault.help is None else f"{fault.message} – {fault.help}"
        if not again:
            await self._end(held, lambda work, sync: leases.end(work, sync, "failed", reason))
        elif held.attempts >= self._attempts:
            said = f"gave up after {held.attempts} attempts; the last one: {reason}"
            await self._end(held, lambda work, sync: leases.end(work, sync, "failed", said))
        else:
            delay = _DELAY * 2**held.attempts
            await self._end(held, lambda work, sync: leases.release(work, sync, reason, delay))

    async def _end(self, held: Held, ending: Callable[[Work, Held], Awaitable[None]]) -> None:
        try:
            async with self._uow(held.scope) as work:
                await ending(work, held)
        except LeaseLost as fault:
            log.info("a sync ends early", sync=str(held.id), reason=fault.message)


async def _fire(work: Work, seen: Due) -> None:
    """Queue the sync of one moment, or note that it is left out, and wait for the next moment.

    The row is held, and the moment is one row of its own: however many look, one of them fires it. Moments that were
    missed are made up for by this one.
    """
    row = await repository.store(work, seen.scope, seen.id, lock=True)
    if row is None or row.next_at != seen.next_at or row.cron is None:
        return
    under_way = await sync_repository.open_sync(work, row)
    if under_way is not None:
        reason = f"the sync {under_way} was still under way"
        await sync_repository.skip(work, row, seen.next_at, seen.scope.actor, reason)
    elif (made := await sync_repository.begin(work, row, SyncIn(), seen.scope.actor, due_at=seen.next_at)) is not None:
        work.after_commit(SYNC, made)
    try:
        row.next_at = next_moment(row.cron, row.timezone, datetime.now(UTC))
    except InvalidInput as fault:
        # It was fine when it was taken; the tables of time zones may have changed.
        log.warning("a data store has no next moment", data_store=str(row.id), reason=fault.message)
        row.next_at = None
