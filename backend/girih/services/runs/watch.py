"""Who watches runs in this process: budgets before they spend, and whoever wants to know what is recorded of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.engine.events import NewEvent
from girih.services.runs.at_once import AtOnce
from girih.services.runs.repository import Claim
from girih.services.runs.usage import CALL, usage_in
from girih.services.usage.allowances import Allowances
from girih.services.usage.run_allowance import RunAllowance


class RunObserver(Protocol):
    """Is told of runs that are executed here. It never blocks, and what it raises would end the run: so it does not."""

    def begun(self, claim: Claim) -> None:
        """This process executes the run from here on."""
        ...

    def recorded(self, claim: Claim, events: Sequence[NewEvent]) -> None:
        """These events are committed."""
        ...

    def left(self, claim: Claim, reason: str) -> None:
        """This process executes the run no more: it `ended`, waits, was handed on (`release`), or was `lost`."""
        ...


@dataclass(frozen=True)
class Watch:
    """The watchers of one process."""

    allowances: Allowances | None = None
    observers: tuple[RunObserver, ...] = ()
    at_once: AtOnce | None = None

    def room(self, scope: OrgScope) -> AbstractAsyncContextManager[None]:
        """Keep room for a run while it is recorded. Raises `TooManyAtOnce` on entering."""
        return self.at_once.room(scope) if self.at_once is not None else nullcontext()

    async def admit(self, scope: OrgScope) -> None:
        """Raise `BudgetExceeded` where nothing may be spent."""
        if self.allowances is not None:
            await self.allowances.require(scope)

    def of(self, claim: Claim) -> RunWatch:
        """What one run is watched by, from its beginning here."""
        for observer in self.observers:
            observer.begun(claim)
        return RunWatch(claim, self.observers, RunAllowance(self.allowances, claim.scope) if self.allowances else None)

    async def close(self) -> None:
        """Let what watchers do in the background end."""
        if self.allowances is not None:
            await self.allowances.close()


@dataclass(frozen=True)
class RunWatch:
    """The watchers of one run."""

    claim: Claim
    observers: tuple[RunObserver, ...]
    allowance: RunAllowance | None

    def recorded(self, events: Sequence[NewEvent]) -> None:
        """These events are committed."""
        if self.allowance is not None:
            for event in events:
                if event.type == CALL:
                    self.allowance.written(usage_in(event.data))
        for observer in self.observers:
            observer.recorded(self.claim, events)

    def left(self, reason: str) -> None:
        """This process executes the run no more."""
        if self.allowance is not None:
            self.allowance.close()
        for observer in self.observers:
            observer.left(self.claim, reason)
