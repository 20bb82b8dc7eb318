"""One node's execution: what it is shown, its work, its events, its result, and the way on."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Command

from girih.engine.channels import INPUTS, TALLY, executions, slot
from girih.engine.context import CountedModels, Frame, usage_dict
from girih.engine.failures import NodeFailedError, failure_of
from girih.engine.routing import NOWHERE, Router, Taken
from girih.errors import Paused
from girih.language.compiler.plan import PlanNode
from girih.language.expressions.cel import Condition
from girih.language.expressions.values import evaluate
from girih.language.nodes.base import Leaving, NodeKind
from girih.language.nodes.ports import Graphs, NodeContext, PauseRequest, Ports, Reply, Usage
from girih.language.spec.conform import Contract
from girih.language.spec.tree import JsonObject, JsonValue

State = Mapping[str, Any]
MakeGraphs = Callable[[Frame, str, int, CountedModels], Graphs]
"""The `Graphs` port for one visit of one node."""


class NodeExecution:
    """A node of a plan, ready to run in any number of runs: it keeps nothing of them."""

    def __init__(self, node: PlanNode, kind: NodeKind[Any], targets: Mapping[str, str], graphs: MakeGraphs) -> None:
        self._node = node
        self._kind = kind
        self._router = Router(node)
        self._targets = targets
        self._graphs = graphs
        self._contract = Contract(node.returns)

    async def run(self, state: State, runtime: Runtime[Frame]) -> Command[Any]:
        """Run once. The update holds the node's slot and its counts; `goto` the LangGraph node that is next."""
        frame, node = runtime.context, self._node
        tally = state.get(TALLY) or {}
        path = f"{frame.path}{node.name}"
        if not frame.begin(executions(tally)):
            message = f"the run took {frame.plan.limits.steps} steps, its limit, before '{node.name}'"
            raise NodeFailedError("budget", message, node=path, help="raise limits.steps, or bound the loop")
        visit = tally.get(node.name, 0) + 1
        models = CountedModels(frame.run.models, frame)
        started = time.perf_counter()
        frame.emit(node.name, "node.started", {"verb": node.verb, "title": node.title, "fork": node.fork})
        try:
            result, taken = await self._work(state, frame, visit, models)
        except Exception as error:
            raise self._failed(frame, error) from error
        self._finished(frame, result, models.usage, started)
        return self._command(result, taken, models.usage)

    async def _work(self, state: State, frame: Frame, visit: int, models: CountedModels) -> tuple[JsonObject, Taken]:
        node, run = self._node, frame.run
        data = shown(state, node.reads)
        values = {name: evaluate(value, data) for name, value in node.values.items()}
        graphs = self._graphs(frame, node.name, visit, models)
        ports = Ports(models, run.retriever, run.tools, graphs, run.memory, run.sandbox, run.scanner, run.events)
        context = NodeContext(
            run_id=run.run_id,
            node=f"{frame.path}{node.name}",
            attempt_key=f"{run.run_id}:{frame.ns}{node.name}#{visit}",
            ports=ports,
            user=run.user,
            emit=partial(frame.emit, node.name),
            branches=_NotYet(),
            once=_once,
            pause=_pause,
            holds=lambda name, binds: Condition(node.conditions[name]).holds({**data, **binds}),
        )
        result = await self._kind.run(node.settings, values, context)
        if isinstance(result, Leaving):
            raise TypeError("exits come with the regions")
        self._require(result, context.node)
        if node.shape == "end":
            _require_good_end(result, context.node)
        if node.shape != "step":
            return result, NOWHERE
        return result, self._router.choose({**data, node.name: result}, state.get(TALLY) or {}, context.node)

    def _require(self, result: Any, path: str) -> None:
        if faults := self._contract.misfits(result):
            listed = "; ".join(map(str, faults[:3]))
            message = f"the result is not what this '{self._node.verb}' node returns: {listed}"
            raise NodeFailedError("invalid_output", message, node=path)

    def _failed(self, frame: Frame, error: Exception) -> NodeFailedError:
        failure = failure_of(error, f"{frame.path}{self._node.name}")
        data = {"kind": failure.kind, "message": failure.message, "help": failure.help}
        frame.emit(self._node.name, "node.failed", data)
        return failure

    def _finished(self, frame: Frame, result: JsonObject, usage: Usage, started: float) -> None:
        data: JsonObject = {
            "verb": self._node.verb,
            "output": result,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        }
        if usage != Usage():
            data["usage"] = usage_dict(usage)
        frame.emit(self._node.name, "node.finished", data)

    def _command(self, result: JsonObject, taken: Taken, usage: Usage) -> Command[Any]:
        counts = {self._node.name: 1, **taken.counts}
        if usage != Usage():
            counts |= {f"${name}": count for name, count in usage_dict(usage).items()}
        update = {slot(self._node.name): result, TALLY: counts}
        if self._node.shape == "fork":
            return Command(update=update, goto=[branch.entry for branch in self._node.branches])
        return Command(update=update, goto=[self._targets[taken.to]] if taken.to is not None else [])


class JoinExecution:
    """Where the branches of a fork meet: routes on by the fork's own `next`. It is no node and leaves no event."""

    def __init__(self, fork: PlanNode, targets: Mapping[str, str]) -> None:
        self._fork = fork
        self._router = Router(fork)
        self._targets = targets

    async def run(self, state: State, runtime: Runtime[Frame]) -> Command[Any]:
        """Choose the way on, with what the branches have written in sight."""
        path = f"{runtime.context.path}{self._fork.name}"
        try:
            taken = self._router.choose(shown(state, self._fork.reads), state.get(TALLY) or {}, path)
        except ValueError as error:
            raise failure_of(error, path) from error
        update = {TALLY: dict(taken.counts)} if taken.counts else {}
        return Command(update=update, goto=[self._targets[taken.to]] if taken.to is not None else [])


def shown(state: State, reads: tuple[str, ...]) -> dict[str, Any]:
    """What a node sees: the names it reads, as far as they have a value yet."""
    channels = {name: INPUTS if name == "inputs" else slot(name) for name in reads}
    return {name: state[channel] for name, channel in channels.items() if channel in state}


class _NotYet:
    async def run(self, entry: str, binds: Mapping[str, JsonValue] = {}, key: str = "") -> JsonValue:
        raise TypeError("branches come with the regions")

    def keep(self, entry: str, key: str = "") -> None:
        raise TypeError("branches come with the regions")


async def _once(key: str, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
    return await work()


async def _pause(key: str, request: PauseRequest) -> Reply:
    raise Paused(key)


def _require_good_end(result: JsonObject, path: str) -> None:
    if result["status"] == "failed":
        raise NodeFailedError("refused", result.get("reason") or "the graph ends as failed", node=path)
