"""What a run may use up: steps, time, tokens, money, depth; held while it runs, also by branches that run at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from girih.engine.failures import over_budget
from girih.language.compiler.plan import PlanLimits
from girih.language.nodes.ports import ModelRequest, Usage

UNKNOWN_TOKENS = 4096
"""What a model call without `max_tokens` is taken to use at least, while it is under way."""

LARGER = 4
"""A call under way is taken to use at most this many times what the largest one so far used."""


@dataclass
class _Ledger:
    """What the whole run has used, and what its calls under way may still use."""

    earlier: Usage = field(default_factory=Usage)
    """Of earlier attempts, as whoever runs this one knows it."""
    restored: Usage = field(default_factory=Usage)
    """Of earlier attempts, as far as checkpoints have told yet."""
    seen: set[str] = field(default_factory=set)
    """The namespaces whose use is counted."""
    largest: Usage | None = None
    """The most any call has used so far; `None` before the first has ended."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a call has ended; whoever sets it leaves a fresh one."""

    def tell(self) -> None:
        """Let the calls that wait look again."""
        self.changed.set()
        self.changed = asyncio.Event()


class Budget:
    """What one graph of a run may use. What a subgraph uses counts for every graph around it.

    A node is counted as it begins; `max_steps` bounds what each graph of the run may count, where that is less than its
    own limit. A model call is let through only if everything under way, and it, will fit; a call
    that is alone is let through as long as anything is left. So a run goes over a limit by one call at most.
    """

    def __init__(
        self,
        limits: PlanLimits,
        parent: Budget | None = None,
        *,
        earlier: Usage | None = None,
        level: int = 0,
        max_steps: int | None = None,
    ) -> None:
        self.limits = limits
        self._max_steps: int | None = parent._max_steps if parent else max_steps
        self._parent = parent
        self._level = level
        self._shared: _Ledger = parent._shared if parent else _Ledger(earlier=earlier or Usage())
        self._steps = 0
        self._used = Usage()
        self._reserved = Usage()
        self._under_way = 0
        self._is_metered = any(b.limits.tokens or b.limits.cost_usd for b in self._chain())

    def subgraph(self, limits: PlanLimits, node: str) -> Budget:
        """The budget of a graph one level further down. Raises `NodeFailedError` when that is too deep."""
        for budget in self._chain():
            if self._level + 1 - budget._level > budget.limits.depth:
                message = f"subgraphs nest deeper than {budget.limits.depth}, the limit"
                raise over_budget(message, node, "raise limits.depth, or end the recursion")
        return Budget(limits, self, level=self._level + 1)

    def item(self) -> Budget:
        """The budget of one item of a list: its steps are counted on their own, all else with the graph's."""
        return Budget(PlanLimits(steps=self.limits.steps, depth=self.limits.depth), self, level=self._level)

    @property
    def total(self) -> Usage:
        """What the run has used, over all its attempts."""
        root = self._root()
        known, told = self._shared.restored, self._shared.earlier
        return root._used + Usage(
            max(known.input_tokens, told.input_tokens),
            max(known.output_tokens, told.output_tokens),
            max(known.cost_usd, told.cost_usd),
        )

    def begin(self, node: str, path: str) -> None:
        """Count one node execution. Raises `NodeFailedError` when there are no steps, tokens or USD left for it."""
        self._steps += 1
        if self._max_steps is not None and self._steps > self._max_steps:
            message = f"the run took {self._max_steps} steps, the most it was given, before '{node}'"
            raise over_budget(message, path, "start it with a higher `max_steps`, or bound the loop")
        if self._steps > self.limits.steps:
            message = f"the run took {self.limits.steps} steps, its limit, before '{node}'"
            raise over_budget(message, path, "raise limits.steps, or bound the loop")
        if self._is_metered:
            self._require_some_left(path)

    def restore(self, ns: str, steps: int, usage: Usage) -> None:
        """Count what an execution used before this process took it over; only the first time it is told of."""
        if ns in self._shared.seen:
            return
        self._shared.seen.add(ns)
        self._steps += steps
        self._shared.restored += usage
        for budget in self._chain():
            if budget._parent is not None:
                budget._used += usage

    def spend(self, usage: Usage) -> None:
        """Count what a model call used."""
        for budget in self._chain():
            budget._used += usage
        known = self._shared.largest or Usage()
        self._shared.largest = Usage(
            max(known.input_tokens, usage.input_tokens),
            max(known.output_tokens, usage.output_tokens),
            max(known.cost_usd, usage.cost_usd),
        )

    @asynccontextmanager
    async def call(self, request: ModelRequest, path: str) -> AsyncIterator[None]:
        """Around a model call: waits until it fits beside those under way. Raises `NodeFailedError` at a limit."""
        if not self._is_metered:
            yield
            return
        while not self._has_room(request, path):
            await self._shared.changed.wait()
        need = self._need(request)
        self._reserve(need, 1)
        try:
            yield
        finally:
            self._reserve(Usage(-need.input_tokens, -need.output_tokens, -need.cost_usd), -1)
            self._shared.tell()

    @asynccontextmanager
    async def clock(self, elapsed: float, path: str, told: Callable[[asyncio.Timeout], None]) -> AsyncIterator[None]:
        """Around the graph: ends it when its wall time is over, of which `elapsed` seconds have passed before.

        Raises `NodeFailedError`. `told` gets the clock.
        """
        if self.limits.wall is None:
            yield
            return
        timeout = asyncio.timeout(self.limits.wall - elapsed)
        told(timeout)
        try:
            async with timeout:
                yield
        except TimeoutError as error:
            if not timeout.expired():
                raise
            message = f"the run took {self.limits.wall:g} s, its limit"
            raise over_budget(message, path, "raise limits.wall") from error

    def _chain(self) -> Iterator[Budget]:
        budget: Budget | None = self
        while budget is not None:
            yield budget
            budget = budget._parent

    def _root(self) -> Budget:
        return self if self._parent is None else self._parent._root()

    def _require_some_left(self, path: str) -> None:
        for budget in self._chain():
            limits, used = budget.limits, budget._so_far()
            if limits.tokens is not None and used.input_tokens + used.output_tokens >= limits.tokens:
                raise over_budget(f"the run used {limits.tokens} tokens, its limit", path, "raise limits.tokens")
            if limits.cost_usd is not None and used.cost_usd >= limits.cost_usd:
                raise over_budget(f"the run cost {limits.cost_usd:g} USD, its limit", path, "raise limits.cost_usd")

    def _so_far(self) -> Usage:
        return self._used if self._parent is not None else self.total

    def _has_room(self, request: ModelRequest, path: str) -> bool:
        self._require_some_left(path)
        need = self._need(request)
        return all(budget._fits(need) for budget in self._chain())

    def _fits(self, need: Usage) -> bool:
        limits = self.limits
        if self._under_way == 0 or (limits.tokens is None and limits.cost_usd is None):
            return True
        after = self._so_far() + self._reserved + need
        if limits.tokens is not None and after.input_tokens + after.output_tokens > limits.tokens:
            return False
        if limits.cost_usd is None:
            return True
        return self._shared.largest is not None and after.cost_usd <= limits.cost_usd

    def _need(self, request: ModelRequest) -> Usage:
        """The most a call may be expected to use; a text never has more tokens than bytes."""
        largest = self._shared.largest or Usage()
        longest = request.params.get("max_tokens")
        written = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
        written += sum(len(tool.description) + len(str(tool.parameters)) for tool in request.tools)
        if not isinstance(longest, int):
            longest = max(UNKNOWN_TOKENS, LARGER * largest.output_tokens)
        return Usage(written, longest, LARGER * largest.cost_usd)

    def _reserve(self, need: Usage, calls: int) -> None:
        for budget in self._chain():
            budget._reserved += need
            budget._under_way += calls
