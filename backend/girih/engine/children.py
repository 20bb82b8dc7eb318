"""What a node runs as a part of its run: the branches of a fork and other graphs, each with checkpoints of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from girih.engine.budget import Budget
from girih.engine.channels import WRITES, added, unseen, usage_counts, usage_of
from girih.engine.checkpoints import CheckpointStore
from girih.engine.context import Frame, OpenPause
from girih.engine.failures import InterruptedRunError, NodeFailedError, failure_of
from girih.engine.ledger import Ledger, stored
from girih.engine.marked_store import MarkedStore
from girih.engine.pauses import Waiting
from girih.engine.sight import Sight, State
from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan, PlanBranch, PlanNode
from girih.language.expressions.values import evaluate
from girih.language.nodes.ports import Usage
from girih.language.spec.tree import JsonObject, JsonValue

T = TypeVar("T")


class Runner(Protocol):
    """Runs regions of graphs: the engine, as nodes see it."""

    async def run_branch(self, frame: Frame) -> State:
        """Run a branch to its end, or on to it, and give its channels."""
        ...

    async def run_graph(self, frame: Frame, given: JsonObject) -> JsonObject:
        """Run a graph to its end, or on to it, and give its outputs."""
        ...


@dataclass
class _Child:
    frame: Frame
    counts_steps: bool
    state: State | None = None
    pauses: tuple[OpenPause, ...] = ()

    def counts(self) -> dict[str, float]:
        """What it adds to its parent's tally while nobody sees its results."""
        counts = unseen(self.frame.tally) if self.counts_steps else usage_counts(usage_of(self.frame.tally))
        return added(counts, usage_counts(self.frame.lost))


class Children:
    """The child executions of one visit of a node."""

    def __init__(self, runner: Runner, frame: Frame, node: PlanNode, visit: int, ledger: Ledger) -> None:
        self.runner = runner
        self.frame = frame
        self.resume = frame.resume
        self._node = node
        self._ledger = ledger
        self._ns = f"{frame.ns}{node.name}#{visit}."
        self._children: dict[str, _Child] = {}
        self._gone: dict[str, float] = {}
        """The counts of children that are not looked at any more."""
        self._kept: list[str] = []
        self.writes: list[JsonValue] = []
        """What the node lets its branches have written to the shared state, besides what the kept ones did."""

    @property
    def pauses(self) -> list[OpenPause]:
        """What the children wait for."""
        return [pause for child in self._children.values() for pause in child.pauses]

    @property
    def usage(self) -> Usage:
        """What all of them have used."""
        total = Usage()
        for child in self._children.values():
            total += child.frame.usage
        return total + usage_of(self._gone)

    def again(self) -> None:
        """The node is tried once more: its children go on where they were."""
        self.resume = True
        self._kept.clear()
        self.writes.clear()

    def kept(self) -> list[State]:
        """The channels of the executions to be kept, in order."""
        return [state for name in self._kept if (state := self._children[name].state) is not None]

    def counts(self) -> dict[str, float]:
        """What is added to the tally besides what the kept ones bring along."""
        counts = dict(self._gone)
        for name, child in self._children.items():
            counts = added(counts, usage_counts(child.frame.lost) if name in self._kept else child.counts())
        return counts

    def keep(self, name: str) -> None:
        """Let the nodes afterwards see that finished child's results."""
        if name not in self._children or self._children[name].state is None:
            raise ValueError(f"'{name}' has not ended: there is nothing to keep")
        if name not in self._kept:
            self._kept.append(name)

    def written(self, name: str) -> list[JsonValue]:
        """What that child wrote to the shared state, if it has ended: `[name, value]` in order."""
        child = self._children.get(name)
        return list((child.state or {}).get(WRITES) or ()) if child is not None else []

    async def forget(self, key: str) -> None:
        """Discard what is stored of the branches of that key, whose result is recorded by now."""
        for name in [name for name in self._children if name.endswith(f"[{key}]")]:
            child = self._children.pop(name)
            self._gone = added(self._gone, child.counts())
            store = child.frame.store
            if isinstance(store, MarkedStore) and store.is_marked:
                await stored(store.discard(child.frame.ns))

    def make(
        self, name: str, plan: Plan, budget: Budget, path: str, *, region: str | None = None, **more: Any
    ) -> Frame:
        """The frame of a child."""
        frame = self.frame
        more.setdefault("store", frame.store)
        ns = f"{self._ns}{name}/"
        return Frame(
            plan, frame.run, budget=budget, owner=frame.owner, path=path, ns=ns, region=region,
            resume=self.resume, is_own=frame.is_own and region is not None, redact=frame.redact, **more,
        )  # fmt: skip

    async def run(self, name: str, frame: Frame, work: Callable[[], Awaitable[T]], *, counts_steps: bool) -> T:
        """Run a child; its use, pauses and end are noted."""
        earlier = self._children.get(name)
        if earlier is not None:
            self._gone = added(self._gone, usage_counts(earlier.frame.lost))
        child = self._children[name] = _Child(frame, counts_steps)
        try:
            result = await work()
        except Waiting as waiting:
            child.pauses = waiting.pauses
            raise
        except (NodeFailedError, InterruptedRunError, InvalidInput):
            raise
        except Exception as error:  # the store's fault, not this node's: it must not end the run
            raise InterruptedRunError(error) from error
        if frame.region is not None:
            child.state = result  # type: ignore[assignment]  # - a branch gives its channels
        return result

    def is_recorded(self, key: str) -> bool:
        """Whether `once` records the result of the branch of that key."""
        return key in self._ledger.under_way


class BranchRuns:
    """The `Branches` port of one visit of a fork."""

    def __init__(self, children: Children, node: PlanNode, around: Callable[[], Mapping[str, Any]]) -> None:
        self._children = children
        self._node = node
        self._around = around
        self._branches = {branch.entry: branch for branch in node.branches}
        self._outer: Mapping[str, Any] | None = None

    async def run(self, entry: str, binds: Mapping[str, JsonValue] = {}, key: str = "") -> JsonValue:
        """Run a branch; see `Branches`. A branch with a key is an item: its events' path and its steps are its own.

        Inside `once` under the same key its result is recorded there, and nothing else is kept of it.
        """
        branch, children = self._branches[entry], self._children
        if self._outer is None:
            self._outer = self._around()
        frame, name, recorded = children.frame, f"{entry}[{key}]", children.is_recorded(key)
        store: CheckpointStore = MarkedStore(frame.store, is_marked=children.resume) if recorded else frame.store
        child = children.make(
            name,
            frame.plan,
            frame.budget.item() if key else frame.budget,
            f"{frame.path}{self._node.name}[{key}]/" if key else frame.path,
            region=entry,
            outer={**self._outer, **binds},
            is_recorded=recorded,
            inputs=frame.inputs,
            store=store,
        )
        work = partial(children.runner.run_branch, child)
        state = await children.run(name, child, work, counts_steps=not key)
        return self._given(branch, state, child)

    def keep(self, entry: str, key: str = "") -> None:
        """See `Branches`."""
        self._children.keep(f"{entry}[{key}]")

    def written(self, entry: str, key: str = "") -> list[JsonValue]:
        """See `Branches`."""
        return self._children.written(f"{entry}[{key}]")

    def write(self, writes: Sequence[JsonValue]) -> None:
        """See `Branches`."""
        self._children.writes += writes

    def _given(self, branch: PlanBranch, state: State, frame: Frame) -> JsonValue:
        if not branch.gives:
            return None
        path = f"{self._children.frame.path}{self._node.name}"
        try:
            return evaluate(branch.gives[0], Sight(frame.plan, branch.reads).of(state, frame))
        except ValueError as error:
            raise failure_of(error, path) from error


class GraphRuns:
    """The `Graphs` port of one visit of a node: each call is a graph of its own."""

    def __init__(self, children: Children, path: str) -> None:
        self._children = children
        self._path = path
        self._calls = 0

    async def run(self, digest: str, inputs: JsonObject, key: str = "") -> JsonObject:
        """Run the graph with that digest and give its outputs. On a resumed run it goes on where it was."""
        self._calls += 1
        children = self._children
        plan = await children.frame.run.plans(digest)
        name = _name(key) if key else str(self._calls)
        budget = children.frame.budget.subgraph(plan.limits, self._path)
        child = children.make(name, plan, budget, f"{self._path}/")
        work = partial(children.runner.run_graph, child, inputs)
        return await children.run(name, child, work, counts_steps=False)


_PLAIN = re.compile(r"[\w.-]{1,80}")


def _name(key: str) -> str:
    """A key as a part of a namespace; one that could be mistaken for something else stands there as its hash."""
    return f"={key}" if _PLAIN.fullmatch(key) else f"={hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()}"
