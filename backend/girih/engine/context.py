"""One run, and one execution of one graph in it: all that a node's code is told, and nothing LangGraph keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, Protocol

from girih.engine.breakpoints import NO_BREAKPOINTS, Breakpoints
from girih.engine.budget import Budget
from girih.engine.channels import added, usage_of
from girih.engine.checkpoints import CheckpointStore
from girih.engine.events import NewEvent
from girih.language.compiler.plan import Plan
from girih.language.nodes.memories import Memory
from girih.language.nodes.pausing import PauseRequest, Reply
from girih.language.nodes.ports import (
    NOTHING_GIVEN,
    AppGiven,
    Events,
    Models,
    Retriever,
    Sandbox,
    Scanner,
    Tools,
    Usage,
)
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class Spent:
    """What earlier attempts of a run have used up: tokens and money, and the seconds it was executing."""

    usage: Usage = Usage()  # noqa: RUF009 - immutable
    wall: float = 0.0


class ResultCache(Protocol):
    """Results of nodes that carry `cache`, shared by the runs of a project. A key is a digest of all that matters."""

    async def get(self, key: str) -> JsonObject | None:
        """The result, if there is one that still lives."""
        ...

    async def put(self, key: str, result: JsonObject, ttl: float) -> None:
        """Keep a result for `ttl` seconds."""
        ...


@dataclass(frozen=True)
class RunContext:
    """One run's inputs and its world.

    `plans` finds the plan of a digest (for subgraphs); `emit` takes each event and never blocks; with `resume` the
    run continues from its last checkpoint, if it has one. `replies` answer the pauses it was interrupted by, by id.
    `state` is what `state:` holds at the beginning where it is not the declared default (a thread's, for one);
    `messages` (as `state.messages` holds them) go on with that, and `given` is for the models of the run's own graph.
    """

    run_id: str
    inputs: JsonObject
    models: Models
    retriever: Retriever
    tools: Tools
    memory: Memory
    sandbox: Sandbox
    scanner: Scanner
    events: Events
    cache: ResultCache
    plans: Callable[[str], Awaitable[Plan]]
    checkpoints: CheckpointStore
    emit: Callable[[NewEvent], None]
    resume: bool = False
    started_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    attempt: int = 1
    user: str | None = None
    state: JsonObject = field(default_factory=dict)
    messages: Sequence[JsonObject] = ()
    given: AppGiven = NOTHING_GIVEN
    replies: Mapping[str, Reply] = field(default_factory=dict)
    spent: Spent = Spent()
    breakpoints: Breakpoints = NO_BREAKPOINTS
    max_steps: int | None = None


@dataclass(frozen=True)
class OpenPause:
    """A pause without a reply yet. `id` is the same whenever the run comes back to it; `node` its path in the run."""

    id: str
    node: str
    request: PauseRequest


@dataclass(frozen=True)
class Outcome:
    """How a run ended, or that it waits. `usage` counts all model calls, also failed ones.

    `error` is `{kind, message, node, help}`; a graph that fails itself (`$fail`, `end` with `status: failed`) has an
    error of the kind `refused`. An `interrupted` run has at least one pause, and is resumed with replies to some of
    them. `state` is what `state:` holds at the end.
    """

    status: Literal["succeeded", "failed", "interrupted"]
    outputs: JsonObject | None
    error: JsonObject | None
    usage: JsonObject
    pauses: tuple[OpenPause, ...] = ()
    state: JsonObject = field(default_factory=dict)


class Owner:
    """The task that executes a run, and whether it is being stopped from outside."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._clocks: list[asyncio.Timeout] = []

    def add_clock(self, clock: asyncio.Timeout) -> None:
        """Note a clock of the run's own, which cancels the task as well."""
        self._clocks.append(clock)

    @property
    def is_stopped(self) -> bool:
        """Whether somebody cancels the whole run: what ends then has not lost against anything."""
        cancelled = self._task is not None and self._task.cancelling() > 0
        return cancelled and not any(clock.expired() for clock in self._clocks)


@dataclass
class Frame:
    """One execution of one region of a graph: a graph from its start, or one branch of a fork.

    `path` stands before the names of its nodes in events (`refund/`), `ns` names this very execution in checkpoints
    and keys: it counts visits, so that a subgraph in a loop starts afresh each time and a resume finds its own.
    """

    plan: Plan
    run: RunContext
    store: CheckpointStore
    budget: Budget
    owner: Owner
    path: str = ""
    ns: str = ""
    region: str | None = None
    """The first node of the branch; `None` for a whole graph."""
    outer: Mapping[str, Any] = field(default_factory=dict)
    """All that a branch sees of what is around it, by the names of expressions, and its own binds."""
    resume: bool = False
    """Whether something may be stored of this execution already."""
    is_recorded: bool = False
    """Whether whoever runs this branch records its result."""
    is_own: bool = True
    """Whether it is a part of the run's own graph, and not of another one that a node of it runs."""
    tally: Mapping[str, float] = field(default_factory=dict)
    """What the nodes that are done have counted."""
    lost: Usage = field(default_factory=Usage)
    """What nodes have used that are not done: they failed, or wait."""
    state: JsonObject = field(default_factory=dict)
    """For a whole graph that has ended: its `state:`."""
    inputs: JsonObject = field(default_factory=dict)
    redact: frozenset[str] = frozenset()
    """What is left out of the record: what the graph wants left out, and those that run it."""

    def __post_init__(self) -> None:
        self.redact = self.redact.union(self.plan.redact)

    @property
    def usage(self) -> Usage:
        """What this execution has used, over all attempts as far as checkpoints know."""
        return usage_of(self.tally) + self.lost

    @property
    def given(self) -> AppGiven:
        """What the app has for the models of this graph: something only where it is the run's own."""
        return self.run.given if self.is_own else NOTHING_GIVEN

    @cached_property
    def facts(self) -> JsonObject:
        """What expressions see as `run`."""
        run = self.run
        facts: JsonObject = {"id": run.run_id, "started_at": run.started_at.isoformat(), "attempt": run.attempt}
        return facts | ({"user": run.user} if run.user is not None else {})

    def count(self, counts: Mapping[str, float]) -> None:
        """Note what a node that is done has counted."""
        self.tally = added(self.tally, counts)

    def emit(self, node: str, type: str, data: JsonObject) -> None:
        """Emit an event of a node of this graph."""
        self.run.emit(NewEvent(type, data, datetime.now(UTC), f"{self.path}{node}", self.ns, self.redact))


def usage_dict(usage: Usage) -> JsonObject:
    """Usage as events and outcomes show it."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": round(usage.cost_usd, 9),
    }
