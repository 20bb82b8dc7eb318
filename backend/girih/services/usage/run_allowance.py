"""The budgets as one run sees them: held before each model call, counted after it, let go when it is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.errors import BudgetExceeded, NodeError
from girih.language.nodes.ports import Usage
from girih.services.usage.allowances import Allowances


class MeteredCall(Protocol):
    """A model call that is under way."""

    def used(self, usage: Usage) -> None:
        """It has used so much (more)."""
        ...


class Metered(Protocol):
    """What a run counts its model calls with."""

    def call(self, tokens: int, cost_usd: float | None) -> AbstractAsyncContextManager[MeteredCall]:
        """Around a model call that may use so much; a cost of `None` is not known.

        Waits until it fits beside the calls under way. Raises `NodeError` (`budget`) when nothing is left.
        """
        ...


class RunAllowance:
    """What one run used, and what of that is recorded."""

    def __init__(self, allowances: Allowances, scope: OrgScope) -> None:
        self._allowances = allowances
        self._scope = scope
        self._open: Counter[Usage] = Counter()
        self._held: dict[Usage, list[UUID]] = {}
        """What is held until a use of that size is recorded."""

    @asynccontextmanager
    async def call(self, tokens: int, cost_usd: float | None) -> AsyncIterator[MeteredCall]:
        """See `Metered`."""
        try:
            hold = await self._allowances.hold(self._scope, tokens, cost_usd)
        except BudgetExceeded as fault:
            raise NodeError("budget", fault.message, help=fault.help, can_pass=False) from fault
        call = _Call(self)
        try:
            yield call
        finally:
            if hold is not None:
                self._ended(hold, call.last)

    def used(self, usage: Usage) -> None:
        """A model call has used so much."""
        self._open[usage] += 1
        self._allowances.count(self._scope, usage, is_written=False)

    def written(self, usage: Usage) -> None:
        """A model call is recorded."""
        usage = as_told(usage)
        if self._open[usage] > 0:
            self._open[usage] -= 1
            self._allowances.count(self._scope, usage, is_written=True)
        if held := self._held.get(usage):
            self._allowances.holds.release(self._scope, held.pop())

    def close(self) -> None:
        """The run is over here: what is not recorded by now will not be."""
        for usage in list(self._open.elements()):
            self.written(usage)
        for hold in [hold for held in self._held.values() for hold in held]:
            self._allowances.holds.release(self._scope, hold)
        self._held.clear()
        self._allowances.look(self._scope)

    def _ended(self, hold: UUID, last: Usage | None) -> None:
        """Keep the hold until what the call used is counted in the database, so that it is missing at no moment."""
        if last is not None and self._open[last] > 0:
            self._held.setdefault(last, []).append(hold)
        else:
            self._allowances.holds.release(self._scope, hold)


class _Call:
    """What one call used."""

    def __init__(self, allowance: RunAllowance) -> None:
        self._allowance = allowance
        self.last: Usage | None = None

    def used(self, usage: Usage) -> None:
        """See `MeteredCall`."""
        self.last = as_told(usage)
        self._allowance.used(self.last)


def as_told(usage: Usage) -> Usage:
    """The usage as events tell it, so that the two are recognized as the same."""
    return Usage(usage.input_tokens, usage.output_tokens, round(usage.cost_usd, 9))
