"""What may still be spent: the budgets of organizations, projects and keys, asked for before runs and model calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

import structlog

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import BudgetExceeded, GirihError, Unavailable
from girih.language.nodes.ports import Usage
from girih.language.spec.tree import JsonObject
from girih.services.usage import repository
from girih.services.usage.holds import Holds, Need
from girih.services.usage.periods import moment, period_of
from girih.services.usage.repository import BudgetState

log = structlog.get_logger("girih.usage")

FRESH = 1.0
"""Seconds for which what was read of budgets is good while they are far from used up."""
CLOSE = 0.9
"""From this part of a limit on, the database is asked before each call."""
LARGER = 4
"""A limit is close, too, when this many calls as large as the largest so far would use it up."""
MOST_KNOWN = 10_000
Level = tuple[str, UUID]
Tell = Callable[[OrgScope, str, JsonObject, str], Awaitable[object]]
"""Publishes a domain event: whose, its type, its data, and the key under which it is published once."""


@dataclass
class _Known:
    states: list[BudgetState]
    read_at: float
    written: dict[Level, Usage]
    """What this process had recorded by then; all it has counted since is on top of what was read."""


class Allowances:
    """The budgets as one process sees them.

    It counts its own model calls at once, and reads what others have recorded: every second, and before each call
    when a limit is close. Where there are budgets, a call begins only if what it may use fits beside what is held for
    all calls under way, in whatever process; one that is alone begins as long as anything is left. So a limit is
    overrun by one call at most.
    """

    def __init__(self, uow: UnitOfWork, tell: Tell | None = None, *, fresh: float = FRESH) -> None:
        self._uow = uow
        self._tell = tell
        self._fresh = fresh
        self._known: dict[tuple[UUID, UUID, str], _Known] = {}
        self._reading: dict[tuple[UUID, UUID, str], asyncio.Task[_Known]] = {}
        self._begun: dict[Level, Usage] = {}
        self._written: dict[Level, Usage] = {}
        self._told: set[tuple[UUID, date, int]] = set()
        self._largest = Usage()
        self._looks: set[asyncio.Task[None]] = set()
        self.holds = Holds(uow)

    async def require(self, scope: OrgScope) -> None:
        """Raise `BudgetExceeded` when a budget of the scope's organization, project or key is used up."""
        known = await self._current(scope)
        await self._alert(scope, known)
        for state in known.states:
            spent = self._spent(known, state)
            if _is_over(state, spent):
                raise _exceeded(state)

    async def hold(self, scope: OrgScope, tokens: int, cost_usd: float | None) -> UUID | None:
        """Hold what a call may use; nothing where there are no budgets. Raises `BudgetExceeded`."""
        while True:
            await self.require(scope)
            if not self._known[_key(scope)].states:
                return None
            likely = LARGER * self._largest.cost_usd if self._largest != Usage() else None
            cost = cost_usd if cost_usd is not None else likely
            if (hold := await self.holds.take(scope, Need(tokens, cost))) is not None:
                return hold
            self.forget(scope)

    def forget(self, scope: OrgScope) -> None:
        """Read the organization's budgets anew: they were changed."""
        for key in [key for key in self._known if key[0] == scope.org_id]:
            del self._known[key]

    async def close(self) -> None:
        """Let what is under way end."""
        await asyncio.gather(*self._looks, return_exceptions=True)
        await self.holds.close()

    def count(self, scope: OrgScope, usage: Usage, *, is_written: bool) -> None:
        """Add to what was spent here, or to what is recorded of that."""
        counts = self._written if is_written else self._begun
        for level in levels(scope):
            counts[level] = counts.get(level, Usage()) + usage
        if not is_written and _tokens(usage) + usage.cost_usd > 0:
            self._largest = Usage(
                max(_tokens(self._largest), _tokens(usage)), 0, max(self._largest.cost_usd, usage.cost_usd)
            )

    def look(self, scope: OrgScope) -> None:
        """See in the background whether a budget is nearly used up, so that it is told also when nobody asks."""
        known = self._known.get(_key(scope))
        if known is not None and known.states:
            task = asyncio.create_task(self._look(scope))
            self._looks.add(task)
            task.add_done_callback(self._looks.discard)

    async def _look(self, scope: OrgScope) -> None:
        try:
            await self._alert(scope, await self._read(scope))
        except GirihError as fault:
            log.warning("budgets could not be looked at", reason=fault.message)

    async def _current(self, scope: OrgScope) -> _Known:
        known = self._known.get(_key(scope))
        if known is not None and time.monotonic() - known.read_at < self._fresh and not self._is_close(known):
            return known
        try:
            return await self._read(scope)
        except Unavailable:
            if known is None:
                raise
            return known

    async def _read(self, scope: OrgScope) -> _Known:
        """What the database has now. Who comes while it is being read waits for the next reading."""
        key, earlier = _key(scope), self._reading.get(_key(scope))
        if earlier is not None:
            await asyncio.wait({earlier})
            if self._reading.get(key) is not None:
                return await asyncio.shield(self._reading[key])
        task = self._reading[key] = asyncio.create_task(self._ask(scope))
        task.add_done_callback(lambda done: self._reading.pop(key) if self._reading.get(key) is done else None)
        return await asyncio.shield(task)

    async def _ask(self, scope: OrgScope) -> _Known:
        written = {level: self._written.get(level, Usage()) for level in levels(scope)}
        read_at = time.monotonic()
        async with self._uow(scope.whole()) as work:
            states = await repository.states(work, scope, key=_key_id(scope))
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        known = self._known[_key(scope)] = _Known(states, read_at, written)
        return known

    def _spent(self, known: _Known, state: BudgetState) -> Usage:
        level = state.target, state.subject
        begun, written = self._begun.get(level, Usage()), known.written.get(level, Usage())
        here = Usage(max(0, _tokens(begun) - _tokens(written)), 0, max(0.0, begun.cost_usd - written.cost_usd))
        return here + Usage(state.spent_tokens, 0, state.spent_usd)

    def _is_close(self, known: _Known) -> bool:
        today, most = datetime.now(UTC).date(), self._largest
        for state in known.states:
            spent = self._spent(known, state)
            reach = Usage(_tokens(spent) + LARGER * _tokens(most), 0, spent.cost_usd + LARGER * most.cost_usd)
            if state.today != today or _is_over(state, reach) or _share(state, spent) >= CLOSE:
                return True
        return False

    async def _alert(self, scope: OrgScope, known: _Known) -> None:
        for state in known.states:
            share = _share(state, self._spent(known, state))
            for percent in state.alerts:
                once = state.id, period_of(state)[0], percent
                if share * 100 >= percent and once not in self._told and self._tell is not None:
                    self._told.add(once)
                    await self._publish(scope, state, percent)

    async def _publish(self, scope: OrgScope, state: BudgetState, percent: int) -> None:
        begun, ends = period_of(state)
        data: JsonObject = {
            "budget_id": str(state.id), "target": state.target, "subject": str(state.subject), "period": state.period,
            "begun_at": begun.isoformat(), "frees_at": moment(ends).isoformat(), "percent": percent,
            "limit_usd": state.cost_usd, "limit_tokens": state.tokens,
        }  # fmt: skip
        kind = "budget.exceeded" if percent >= 100 else "budget.warning"
        try:
            if self._tell is not None:
                await self._tell(scope.whole(), kind, data, f"budget:{state.id}:{begun}:{percent}")
        except GirihError as fault:
            log.warning("a budget's alert could not be published", budget=str(state.id), reason=fault.message)


def levels(scope: OrgScope) -> list[Level]:
    """Whose budgets bound the scope."""
    key = _key_id(scope)
    bounds: list[Level] = [("organization", scope.org_id), ("project", scope.project_id)]
    return bounds if key is None else [*bounds, ("key", key)]


def _key(scope: OrgScope) -> tuple[UUID, UUID, str]:
    return scope.org_id, scope.project_id, scope.actor


def _key_id(scope: OrgScope) -> UUID | None:
    kind, _, key = scope.actor.partition(":")
    return UUID(key) if kind == "key" else None


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens


def _is_over(state: BudgetState, spent: Usage) -> bool:
    return _share(state, spent) >= 1


def _share(state: BudgetState, spent: Usage) -> float:
    """How much of the budget is used, as a part of 1; one of nothing is used up from the start."""
    shares = [(spent.cost_usd, state.cost_usd), (float(_tokens(spent)), state.tokens)]
    return max(used / limit if limit else 1.0 for used, limit in shares if limit is not None)


def _exceeded(state: BudgetState) -> BudgetExceeded:
    frees = moment(period_of(state)[1])
    limits = [f"{state.cost_usd:g} USD"] if state.cost_usd is not None else []
    limits += [f"{state.tokens:,} tokens"] if state.tokens is not None else []
    return BudgetExceeded(
        f"the budget of this {state.target} is used up: {' or '.join(limits)} a {state.period}",
        help=f"it frees at {frees.isoformat()}; or let somebody who may raise it",
        retry_after=max(1, round((frees - datetime.now(UTC)).total_seconds())),
        target=state.target,
        period=state.period,
        frees_at=frees.isoformat(),
    )
