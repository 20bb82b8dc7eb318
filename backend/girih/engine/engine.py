"""Runs plans: durable after each node, resumable from the last checkpoint, told to the world through events."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.errors import GraphRecursionError
from langsmith.run_helpers import tracing_context

from girih.engine.budget import Budget
from girih.engine.channels import ERRORS, INPUTS, TALLY, executions, shared, slot, usage_of
from girih.engine.checkpoints import RunSaver
from girih.engine.context import Frame, Outcome, Owner, RunContext, usage_dict
from girih.engine.execution import NodeExecution
from girih.engine.failures import InterruptedRunError, NodeFailedError, over_budget
from girih.engine.inputs import checked_inputs
from girih.engine.ledger import stored
from girih.engine.pauses import Waiting, require_passed, stops_after
from girih.engine.regions import Compiled, Region
from girih.engine.serializer import pack, unpack
from girih.engine.shared_state import MESSAGES, answer, merged, question
from girih.engine.sight import State
from girih.language.compiler.plan import Plan
from girih.language.nodes.base import NodeKind
from girih.language.spec.tree import JsonObject

CACHED_REGIONS = 512


def _unheard(is_hit: bool) -> None:
    """Tell nobody."""
    del is_hit


_END = "end"
"""The key under which the end of a branch of one node is recorded."""


class Engine:
    """Executes plans with a set of node kinds. One engine serves any number of runs at once."""

    def __init__(self, kinds: Mapping[str, NodeKind[Any]], looked_up: Callable[[bool], None] = _unheard) -> None:
        self._kinds = kinds
        self._looked_up = looked_up
        """Told of each region that is needed: whether it was compiled already."""
        self._regions: OrderedDict[tuple[str, str | None], Region] = OrderedDict()

    async def execute(self, plan: Plan, run: RunContext) -> Outcome:
        """Run a plan to its end, or until it waits. To cancel a run, cancel the task that awaits this.

        Raises `InvalidInput` for inputs that do not fit, `LeaseLost` and other faults of the checkpoint store as they
        are: such a run has not ended and can be resumed. Every failure of a node is an `Outcome`.
        """
        owner, budget = Owner(), Budget(plan.limits, earlier=run.spent.usage, max_steps=run.max_steps)
        frame = Frame(plan, run, store=run.checkpoints, budget=budget, owner=owner, resume=run.resume)
        # Tracing to LangSmith would be switched on by the environment alone; runs hold people's data.
        with tracing_context(enabled=False):
            try:
                async with budget.clock(run.spent.wall, "", owner.add_clock):
                    outputs = await self._graph(frame, run.inputs)
            except NodeFailedError as failure:
                return Outcome("failed", None, failure.as_dict(), usage_dict(budget.total), state=frame.state)
            except Waiting as waiting:
                return Outcome("interrupted", None, None, usage_dict(budget.total), waiting.pauses)
            except InterruptedRunError as interruption:
                raise interruption.cause from interruption
        return Outcome("succeeded", outputs, None, usage_dict(budget.total), state=frame.state)

    async def run_graph(self, frame: Frame, given: JsonObject) -> JsonObject:
        """Run a subgraph of a run, from its inputs or from where it was, and give its outputs."""
        async with frame.budget.clock(0.0, frame.path.rstrip("/"), frame.owner.add_clock):
            return await self._graph(frame, given)

    async def run_branch(self, frame: Frame) -> State:
        """Run a branch of a fork, from its first node or from where it was, and give its channels."""
        region = self._region(frame.plan, frame.region)
        if region.lone is None:
            state = await self._values(region, frame, {TALLY: {}}, list(region.channels))
        else:
            state = await self._lone(region.lone, frame)
        require_passed(frame, state.get(TALLY) or {})
        return state

    async def _lone(self, node: NodeExecution, frame: Frame) -> State:
        """Run a branch of one node. What it did is recorded unless whoever runs it does that, at once."""
        is_recorded_here = not frame.is_recorded or stops_after(frame, node.node.name)
        if frame.resume and is_recorded_here:
            known = await stored(frame.store.recorded(frame.ns))
            if _END in known:
                return self._restored(frame, unpack(known[_END]))
        step = await node.step({TALLY: {}}, frame)
        if is_recorded_here:
            await stored(frame.store.record(frame.ns, {_END: pack(step.update)}))
        return step.update

    async def _graph(self, frame: Frame, given: JsonObject) -> JsonObject:
        plan, run, region = frame.plan, frame.run, self._region(frame.plan, None)
        state, given_back = region.state, region.outputs
        frame.inputs = checked_inputs(plan.inputs, given)
        place = f"{run.run_id}:{frame.ns}"
        values = state.beginning(run.state if not frame.ns else {})
        if plan.chat:
            said = list(run.messages) if not frame.ns else []
            said += question(plan, frame.inputs, place, said)
            values[MESSAGES] = merged("by_id", values[MESSAGES], said)
        start = {INPUTS: frame.inputs, TALLY: {}} | {shared(name): value for name, value in values.items()}
        channels = [TALLY, INPUTS, ERRORS, *map(slot, given_back.nodes), *map(shared, state.names)]
        ended = await self._values(region, frame, start, [name for name in channels if name in region.channels])
        require_passed(frame, ended.get(TALLY) or {})
        frame.state = {name: ended[shared(name)] for name in state.names}
        outputs = given_back.of(ended, frame)
        if plan.chat:
            frame.state[MESSAGES] = merged("by_id", frame.state[MESSAGES], answer(plan, outputs, place))
        return outputs

    async def _values(self, region: Region, frame: Frame, start: State, channels: list[str]) -> State:
        """Drive a region to its end and give those of its channels that have a value."""
        config: RunnableConfig = {
            "configurable": {"thread_id": frame.run.run_id},
            "recursion_limit": frame.plan.limits.steps + 10,
        }
        assert region.graph is not None  # noqa: S101 - a lone branch is not driven
        snapshot = await self._stored(region.graph, frame, config) if frame.resume else None
        if snapshot is None:
            saver = RunSaver(frame.store, frame.ns, empty=True)
            return await _drive(_with_saver(region.graph, saver), frame, config, start, channels)
        self._restored(frame, snapshot.values)
        frame.inputs = snapshot.values.get(INPUTS, frame.inputs)
        if not snapshot.next and not snapshot.tasks:
            values: State = snapshot.values
            return values
        saver = RunSaver(frame.store, frame.ns)
        return await _drive(_with_saver(region.graph, saver), frame, config, None, channels)

    async def _stored(self, graph: Compiled, frame: Frame, config: RunnableConfig) -> Any:
        """LangGraph's snapshot of where this region was, `None` when it never got to a first checkpoint.

        A snapshot with nothing `next` may still have `tasks`: they have finished but no checkpoint followed.
        """
        with _Apart():
            snapshot = await _with_saver(graph, RunSaver(frame.store, frame.ns)).aget_state(config)
        return snapshot if snapshot.created_at is not None else None

    def _restored(self, frame: Frame, state: State) -> State:
        """Count what the execution used before."""
        tally = state.get(TALLY) or {}
        frame.tally = tally
        frame.budget.restore(frame.ns, executions(tally), usage_of(tally))
        return state

    def _region(self, plan: Plan, entry: str | None) -> Region:
        key = (plan.digest, entry)
        self._looked_up(key in self._regions)
        if key in self._regions:
            self._regions.move_to_end(key)
        else:
            self._regions[key] = Region(plan, entry, self._kinds, self)
            if len(self._regions) > CACHED_REGIONS:
                self._regions.popitem(last=False)
        return self._regions[key]


class _Apart:
    """Within it, a graph is no subgraph to LangGraph, although a node of another one runs it: it has its own place."""

    def __enter__(self) -> None:
        self._token = var_child_runnable_config.set(None)

    def __exit__(self, *_: object) -> None:
        var_child_runnable_config.reset(self._token)


async def _drive(graph: Compiled, frame: Frame, config: RunnableConfig, start: Any, channels: list[str]) -> State:
    values: State = {}
    with _Apart():
        stream = graph.astream(
            start, config, context=frame, stream_mode="values", output_keys=channels, durability="sync"
        )
        try:
            async for latest in stream:
                values = latest
        except GraphRecursionError as error:
            message = f"the run took more than {frame.plan.limits.steps} steps, its limit"
            raise over_budget(message, frame.path.rstrip("/")) from error
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # - it is an asynchronous generator
    return values


def _with_saver(graph: Compiled, saver: RunSaver) -> Compiled:
    """The cached graph with this run's saver: all else in a compiled graph is shared and never written to."""
    bound = copy.copy(graph)
    bound.checkpointer = saver
    return bound
