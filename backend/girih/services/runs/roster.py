"""The runs in this process: how many it may hold, and how it lets go of them."""

from __future__ import annotations

import asyncio
from uuid import UUID

from girih.services.runs.executor import Executor
from girih.services.runs.feed import Feed
from girih.services.runs.held import Held
from girih.services.runs.repository import Claim


class Roster:
    """Executes runs as tasks of the process, each in one of `slots`."""

    def __init__(self, executor: Executor, slots: int) -> None:
        self._executor = executor
        self._held: dict[UUID, Held] = {}
        self._free = slots
        self.closed = False
        """Whether no more runs are taken."""
        self.freed = asyncio.Event()
        """Set when there is a slot for a run that may be waiting."""
        self._waiting = False
        """Whether runs may be waiting for a slot."""
        self._crowded = False
        """Whether more of them were found than there were slots; new ones then line up behind them."""
        self.expected = 0
        """How often a run was left waiting so far."""
        self._served = 0
        """How many of these have been looked for since."""

    @property
    def free(self) -> int:
        """Slots that nobody has reserved."""
        return 0 if self.closed else self._free

    @property
    def held(self) -> list[Held]:
        """The runs being executed."""
        return list(self._held.values())

    def find(self, run_id: UUID) -> Held | None:
        """The run, if it is being executed here."""
        return self._held.get(run_id)

    def reserve(self, *, new: bool = False) -> bool:
        """Take a slot before the run is claimed, so that what is claimed is executed. To be started or given back.

        A run that is new gets none that another one may be waiting for.
        """
        if self.free <= 0:
            self._waiting = True
            return False
        if new and self._waiting and (self._crowded or self.free <= self.expected - self._served):
            return False
        self._free -= 1
        return True

    def give_back(self) -> None:
        """Return a slot."""
        self._free += 1
        if self._waiting:
            self.freed.set()

    def expect(self) -> None:
        """A run waits for a slot."""
        self._waiting = True
        self.expected += 1
        if self.free > 0:
            self.freed.set()

    def all_served(self, expected: int) -> None:
        """No run waits any more; unless one was left waiting since `expected` was read, and may not have been seen."""
        self._served, self._crowded = max(self._served, expected), False
        if self.expected == expected:
            self._waiting = False

    def some_left(self) -> None:
        """More runs wait than there are slots."""
        self._waiting = self._crowded = True

    def start(self, claim: Claim, feed: Feed) -> None:
        """Execute a claimed run in a slot that was reserved for it."""
        held = Held(claim, feed, self.give_back)
        self._held[claim.run_id] = held
        held.task = asyncio.create_task(self._executor.execute(held), name=f"run {claim.run_id}")
        held.task.add_done_callback(lambda task: self._ended(held, task))
        if self.closed:  # taken in the last moment: not before it has begun, or nobody would hand it on
            asyncio.get_running_loop().call_soon(held.stop, "release")

    def close(self) -> None:
        """Take no more runs."""
        self.closed = True

    async def drain(self, grace: float) -> list[UUID]:
        """Take no more runs, let those under way end for `grace` seconds, and hand on the others, which are named."""
        self.close()
        await self._wait(grace)
        others = self.held
        for held in others:
            held.stop("release")
        await self._wait(10)
        return [held.claim.run_id for held in others if held.reason == "release"]

    async def _wait(self, seconds: float) -> None:
        tasks = [held.task for held in self.held if held.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def _ended(self, held: Held, task: asyncio.Task[None]) -> None:
        if self._held.get(held.claim.run_id) is held:
            del self._held[held.claim.run_id]
        held.let_go()
        if not task.cancelled() and (fault := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a run's task failed; its lease will run out", "exception": fault, "task": task}
            )
