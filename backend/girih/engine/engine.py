"""Runs plans: durable after each node, resumable from the last checkpoint, told to the world through events."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphRecursionError
from langsmith.run_helpers import tracing_context

from girih.engine.channels import INPUTS, TALLY, slot
from girih.engine.checkpoints import RunSaver
from girih.engine.context import CountedModels, Frame, Outcome, RunContext, usage_dict
from girih.engine.emit import Compiled, emit
from girih.engine.failures import InterruptedRunError, NodeFailedError
from girih.engine.inputs import checked_inputs
from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.expressions.cel import ExpressionError
from girih.language.expressions.values import evaluate, references
from girih.language.nodes.base import NodeKind
from girih.language.nodes.ports import Graphs, Usage
from girih.language.spec.tree import JsonObject

CACHED_GRAPHS = 256
SUPERSTEPS_PER_STEP = 3
"""LangGraph also counts the turns of joins and collectors; a plan's own limit is always met first."""


class Engine:
    """Executes plans with a set of node kinds. One engine serves any number of runs at once."""

    def __init__(self, kinds: Mapping[str, NodeKind[Any]]) -> None:
        self._kinds = kinds
        self._compiled: OrderedDict[str, Compiled] = OrderedDict()

    async def execute(self, plan: Plan, run: RunContext) -> Outcome:
        """Run a plan to its end. To cancel a run, cancel the task that awaits this.

        Raises `InvalidInput` for inputs that do not fit, `LeaseLost` and other faults of the checkpoint store as they
        are: such a run has not ended and can be resumed. Every failure of a node is an `Outcome`.
        """
        frame = Frame(plan, run)
        # Tracing to LangSmith would be switched on by the environment alone; runs hold people's data.
        with tracing_context(enabled=False):
            try:
                outputs = await self.run_graph(frame, run.inputs)
            except NodeFailedError as failure:
                return Outcome("failed", None, failure.as_dict(), usage_dict(frame.usage))
            except InterruptedRunError as interruption:
                raise interruption.cause from interruption
        return Outcome("succeeded", outputs, None, usage_dict(frame.usage))

    async def run_graph(self, frame: Frame, given: JsonObject) -> JsonObject:
        """Run one graph of a run, from its inputs or from where it was, and give its outputs."""
        plan, run = frame.plan, frame.run
        inputs = checked_inputs(plan.inputs, given)
        config: RunnableConfig = {
            "configurable": {"thread_id": run.run_id},
            "recursion_limit": plan.limits.steps * SUPERSTEPS_PER_STEP + 10,
        }
        graph = self._graph(plan)
        state = await self._stored(graph, frame, config) if run.resume else None
        if state is None:
            saver, start = RunSaver(run.checkpoints, frame.ns, empty=True), {INPUTS: inputs, TALLY: {}}
        else:
            saver, start = RunSaver(run.checkpoints, frame.ns), None
            frame.usage = _usage(state.values.get(TALLY) or {})
        values = state.values if state is not None and not state.next and not state.tasks else None
        if values is None:
            values = await self._drive(_with_saver(graph, saver), frame, config, start)
        frame.usage = _usage(values[TALLY])
        return _outputs(plan, values, frame.path)

    async def _stored(self, graph: Compiled, frame: Frame, config: RunnableConfig) -> Any:
        """LangGraph's snapshot of where this graph was, `None` when it never got to a first checkpoint.

        A snapshot with nothing `next` may still have `tasks`: they have finished but no checkpoint followed.
        """
        saver = RunSaver(frame.run.checkpoints, frame.ns)
        snapshot = await _with_saver(graph, saver).aget_state(config)
        return snapshot if snapshot.created_at is not None else None

    async def _drive(self, graph: Compiled, frame: Frame, config: RunnableConfig, start: Any) -> JsonObject:
        values: JsonObject = {}
        channels = [TALLY, INPUTS, *map(slot, _read_by_results(frame.plan))]
        stream = graph.astream(
            start, config, context=frame, stream_mode="values", output_keys=channels, durability="sync"
        )
        try:
            async for latest in stream:
                values = latest
        except GraphRecursionError as error:
            message = f"the run took more than {frame.plan.limits.steps} steps, its limit"
            raise NodeFailedError("budget", message, node=frame.path.rstrip("/")) from error
        return values

    def _graph(self, plan: Plan) -> Compiled:
        if plan.digest in self._compiled:
            self._compiled.move_to_end(plan.digest)
        else:
            self._compiled[plan.digest] = emit(plan, self._kinds, self._graphs)
            if len(self._compiled) > CACHED_GRAPHS:
                self._compiled.popitem(last=False)
        return self._compiled[plan.digest]

    def _graphs(self, frame: Frame, node: str, visit: int, models: CountedModels) -> Graphs:
        return _Subgraphs(self, frame, node, visit, models)


class _Subgraphs:
    """The `Graphs` port of one visit of one node: each call is a graph of its own under the run's checkpoints."""

    def __init__(self, engine: Engine, frame: Frame, node: str, visit: int, models: CountedModels) -> None:
        self._engine = engine
        self._frame = frame
        self._node = node
        self._visit = visit
        self._models = models
        self._calls = 0

    async def run(self, digest: str, inputs: JsonObject, key: str = "") -> JsonObject:
        """Run the graph with that digest and give its outputs. On a resumed run it goes on where it was."""
        self._calls += 1
        name = key or str(self._calls)
        frame, run = self._frame, self._frame.run
        plan = await run.plans(digest)
        child = Frame(
            plan,
            run,
            path=f"{frame.path}{self._node}/",
            ns=f"{frame.ns}{self._node}#{self._visit}.{name}/",
        )
        try:
            return await self._engine.run_graph(child, inputs)
        except (NodeFailedError, InterruptedRunError, InvalidInput):
            raise
        except Exception as error:  # the store's fault, not this node's: it must not end the run
            raise InterruptedRunError(error) from error
        finally:
            self._models.add(child.usage)


def _with_saver(graph: Compiled, saver: RunSaver) -> Compiled:
    """The cached graph with this run's saver: all else in a compiled graph is shared and never written to."""
    bound = copy.copy(graph)
    bound.checkpointer = saver
    return bound


def _usage(tally: Mapping[str, int]) -> Usage:
    return Usage(tally.get("$input_tokens", 0), tally.get("$output_tokens", 0))


def _read_by_results(plan: Plan) -> list[str]:
    nodes = {node.name for node in plan.nodes}
    read = {name for output in plan.results.values() for value in output.values for name in references(value)}
    return sorted(read & nodes)


def _outputs(plan: Plan, values: JsonObject, path: str) -> JsonObject:
    """Each output from the first of its values that the run has; one that is optional and has none is left out."""
    data = {name: values[slot(name)] for name in _read_by_results(plan) if slot(name) in values}
    data["inputs"] = values[INPUTS]
    outputs: JsonObject = {}
    for name, output in plan.results.items():
        for value in output.values:
            try:
                outputs[name] = evaluate(value, data)
                break
            except ExpressionError:
                continue
    missing = [name for name in plan.outputs.get("required", ()) if name not in outputs]
    if missing:
        message = f"output '{missing[0]}' has no value: no node that it comes from has run"
        raise NodeFailedError("invalid_output", message, node=path.rstrip("/"), help="name a fallback under from:")
    return outputs
