"""One node's execution: whether it runs, what it is shown, its work, its events, its result, and the way on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import Command

from girih.engine.attempts import tried
from girih.engine.caching import cache_key, found, keep
from girih.engine.channels import STEPS, TALLY
from girih.engine.children import Runner
from girih.engine.context import Frame, usage_dict
from girih.engine.failures import NodeFailedError, failure_of
from girih.engine.pauses import Waiting, require_passed, stop_before
from girih.engine.routing import Router, Taken
from girih.engine.sight import Sight, State
from girih.engine.updates import Updates
from girih.engine.visit import Visit
from girih.errors import Paused
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.expressions.cel import Condition
from girih.language.expressions.values import evaluate
from girih.language.nodes.base import Leaving, NodeKind
from girih.language.nodes.ports import Usage
from girih.language.spec.conform import Contract
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class Step:
    """What an execution does to its region: the update of the channels, and the node that is next, if any."""

    update: dict[str, Any]
    to: str | None


@dataclass(frozen=True)
class Way:
    """How a node's work ended: its result, and where to go when not by its routes."""

    result: JsonObject | None
    to: str | None = None
    exit: str | None = None
    failure: NodeFailedError | None = None
    """What `on_error` took care of."""
    is_cached: bool = False


class NodeExecution:
    """A node of a plan, ready to run in any number of runs: it keeps nothing of them."""

    def __init__(self, plan: Plan, node: PlanNode, kind: NodeKind[Any], runner: Runner) -> None:
        self.node = node
        self._kind = kind
        self._runner = runner
        self._router = Router(node)
        self._sight = Sight(plan, node.reads)
        self._updates = Updates(plan, node, self._sight)
        self._contract = Contract(node.returns)
        self._when = Condition(node.when) if node.when is not None else None
        self._conditions = {name: Condition(text) for name, text in node.conditions.items()}
        self._is_tried_once = node.retry is None and node.timeout is None

    async def run(self, state: State, runtime: Runtime[Frame]) -> Command[Any]:
        """Run once, as a node of LangGraph."""
        step = await self.step(state, runtime.context)
        return Command(update=step.update, goto=[step.to] if step.to is not None else [])

    async def step(self, state: State, frame: Frame) -> Step:
        """Run once. Raises `NodeFailedError` when the node fails for good, `Waiting` when it cannot go on yet."""
        node = self.node
        require_passed(frame, state.get(TALLY) or {})
        frame.budget.begin(node.name, f"{frame.path}{node.name}")
        data = self._sight.of(state, frame)
        number = int((state.get(TALLY) or {}).get(node.name, 0)) + 1
        around = partial(self._sight.all, state, frame)
        visit = Visit(node, frame, number, self._runner, self._conditions, data, around)
        try:
            return await self._visit(visit, state, frame, data)
        except Paused:
            frame.lost += visit.usage
            raise Waiting(visit.waits_for()) from None
        except asyncio.CancelledError:
            frame.lost += visit.usage
            if not frame.owner.is_stopped:
                frame.emit(node.name, "node.cancelled", {"verb": node.verb})
            raise
        except Exception as error:
            frame.lost += visit.usage
            raise self._failed(frame, failure_of(error, visit.path), None) from error
        finally:
            await visit.close()

    async def _visit(self, visit: Visit, state: State, frame: Frame, data: dict[str, Any]) -> Step:
        node, started = self.node, time.perf_counter()
        if self._when is not None and not self._when.holds(data):
            taken = self._route(state, frame, data, visit.path)
            frame.emit(node.name, "node.skipped", {"verb": node.verb})
            return self._done(frame, {TALLY: {STEPS: 1, **taken.counts}}, taken)
        if (stop := stop_before(frame, node.name)) is not None:
            await visit.stop(stop)
        frame.emit(node.name, "node.started", {"verb": node.verb, "title": node.title, "fork": node.fork})
        way = await self._way(visit, frame, data)
        usage = visit.usage
        update = self._updates.of(way.result, way.failure, visit, state, frame)
        if way.to is not None:
            taken = self._router.straight(way.to, visit.path)
        else:
            shown = self._updates.seen(update, way.result, data, state, frame) if self._router.asks else data
            taken = self._route(self._updates.after(update, state), frame, shown, visit.path)
        update[TALLY] = {**update[TALLY], **taken.counts}
        self._finished(frame, way, usage, started)
        self._updates.tell(update, frame)
        return self._done(frame, update, taken)

    def _route(self, state: State, frame: Frame, data: Mapping[str, Any], path: str) -> Taken:
        counts = self._sight.tally(state, frame) if self._router.counts else {}
        return self._router.choose(data, counts, path)

    def _done(self, frame: Frame, update: dict[str, Any], taken: Taken) -> Step:
        frame.count(update[TALLY])
        return Step(update, taken.to)

    async def _way(self, visit: Visit, frame: Frame, data: dict[str, Any]) -> Way:
        try:
            return await self._work(visit, frame, data)
        except Paused:
            raise
        except Exception as error:
            handling, failure = self.node.on_error, failure_of(error, visit.path)
            if handling is None or failure.kind not in handling.on:
                raise failure from error
            if handling.to is not None:
                self._failed(frame, failure, "to")
                return Way(None, to=handling.to, failure=failure)
            known = {**data.get("errors", {}), self.node.name: {"kind": failure.kind, "message": failure.message}}
            result = evaluate(handling.value, {**data, "errors": known})
            self._require(result, visit.path)
            self._failed(frame, failure, "value")
            return Way(result, failure=failure)

    async def _work(self, visit: Visit, frame: Frame, data: dict[str, Any]) -> Way:
        node = self.node
        values = {name: evaluate(value, data) for name, value in node.values.items()}
        key = cache_key(node, values, data, frame.given)
        if key is not None and (result := await found(frame.run.cache, key)) is not None:
            return Way(result, is_cached=True)
        if self._is_tried_once:
            way = await self._attempt(visit, values, 1)
        else:
            told = partial(self._retried, frame)
            way = await tried(node, visit.path, partial(self._attempt, visit, values), told)
        if key is not None and node.cache is not None and way.result is not None and way.exit is None:
            await keep(frame.run.cache, key, way.result, node.cache.ttl)
        return way

    async def _attempt(self, visit: Visit, values: JsonObject, number: int) -> Way:
        if number > 1:
            visit.again()
        result = await self._kind.run(self.node.settings, values, visit.context())
        if isinstance(result, Leaving):
            if result.result is not None:
                self._require(result.result, visit.path)
            return Way(result.result, to=self.node.exits[result.exit], exit=result.exit)
        self._require(result, visit.path)
        if self.node.shape == "end":
            _require_good_end(result, visit.path)
        return Way(result)

    def _require(self, result: Any, path: str) -> None:
        if faults := self._contract.misfits(result):
            listed = "; ".join(map(str, faults[:3]))
            message = f"the result is not what this '{self.node.verb}' node returns: {listed}"
            raise NodeFailedError("invalid_output", message, node=path)

    def _failed(self, frame: Frame, failure: NodeFailedError, handled: str | None) -> NodeFailedError:
        data = {"kind": failure.kind, "message": failure.message, "help": failure.help}
        frame.emit(self.node.name, "node.failed", data | ({"handled": handled} if handled else {}))
        return failure

    def _retried(self, frame: Frame, number: int, failure: NodeFailedError, wait: float) -> None:
        data = {"attempt": number, "kind": failure.kind, "message": failure.message, "wait_s": round(wait, 3)}
        frame.emit(self.node.name, "node.retried", data)

    def _finished(self, frame: Frame, way: Way, usage: Usage, started: float) -> None:
        if way.failure is not None and way.result is None:
            return
        data: JsonObject = {
            "verb": self.node.verb,
            "output": {} if way.result is None else way.result,
            "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        }
        if usage != Usage():
            data["usage"] = usage_dict(usage)
        if way.is_cached:
            data["cached"] = True
        if way.exit is not None:
            data["exit"] = way.exit
        frame.emit(self.node.name, "node.finished", data)


def _require_good_end(result: JsonObject, path: str) -> None:
    if result["status"] == "failed":
        raise NodeFailedError("refused", result.get("reason") or "the graph ends as failed", node=path, can_pass=False)
