"""One visit of one node in one run: what the node is given while it works, and all that it has brought about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from girih.engine.channels import added, usage_counts
from girih.engine.children import BranchRuns, Children, GraphRuns, Runner
from girih.engine.context import Frame, OpenPause
from girih.engine.counted_models import CountedModels
from girih.engine.ledger import Ledger
from girih.engine.pauses import Pauses
from girih.language.compiler.plan import PlanNode
from girih.language.expressions.cel import Condition
from girih.language.nodes.pausing import PauseRequest
from girih.language.nodes.ports import NodeContext, Ports, Usage
from girih.language.spec.tree import JsonValue


class Visit:
    """A node at work. `number` counts the visits of the node in this execution of the graph, from 1."""

    def __init__(
        self,
        node: PlanNode,
        frame: Frame,
        number: int,
        runner: Runner,
        conditions: Mapping[str, Condition],
        data: Mapping[str, Any],
        around: Callable[[], Mapping[str, Any]],
    ) -> None:
        self.path = f"{frame.path}{node.name}"
        self._node = node
        self._frame = frame
        self._place = f"{frame.ns}{node.name}#{number}"
        self._conditions = conditions
        self._data = data
        self._around = around
        self._models = CountedModels(frame, self.path, partial(frame.emit, node.name))
        self._pauses = Pauses(frame, self._place, self.path)
        self._ledger = Ledger(frame.store, f"{self._place}/", is_new=not frame.resume)
        self.children = Children(runner, frame, node, number, self._ledger)

    @property
    def usage(self) -> Usage:
        """What this visit has used, its children included."""
        return self._models.usage + self.children.usage

    def counts(self) -> dict[str, float]:
        """What it adds to the tally besides what kept children bring along."""
        return added(self.children.counts(), usage_counts(self._models.usage))

    def waits_for(self) -> list[OpenPause]:
        """The pauses that are open in it."""
        return [*self._pauses.open.values(), *self.children.pauses]

    def again(self) -> None:
        """Another attempt begins, over what the one before has recorded."""
        self._pauses.open.clear()
        self._ledger.again()
        self.children.again()

    def context(self) -> NodeContext:
        """What the node is given for one attempt."""
        frame, run = self._frame, self._frame.run
        return NodeContext(
            run_id=run.run_id,
            node=self.path,
            attempt_key=f"{run.run_id}:{self._place}",
            user=run.user,
            ports=Ports(
                self._models,
                run.retriever,
                run.tools,
                GraphRuns(self.children, self.path),
                run.memory,
                run.sandbox,
                run.scanner,
                run.events,
            ),
            emit=partial(frame.emit, self._node.name),
            branches=BranchRuns(self.children, self._node, self._around),
            once=self._once,
            pause=self._pauses.pause,
            holds=self._holds,
            given=frame.given,
        )

    async def stop(self, request: PauseRequest) -> None:
        """Wait before anything is done, unless somebody has let the run go on. Raises `Paused`."""
        await self._pauses.pause("$before", request)

    async def close(self) -> None:
        """End what the node has left open."""
        await self._models.close()

    async def _once(self, key: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
        result = await self._ledger.once(key, work)
        await self.children.forget(key)
        return result

    def _holds(self, name: str, binds: Mapping[str, JsonValue]) -> bool:
        return self._conditions[name].holds({**self._data, **binds})
