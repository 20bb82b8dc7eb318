"""What a node's execution does to the channels of its region, and what is in sight once it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from girih.engine.channels import ERRORS, TALLY, WRITES, added, noted, shared, slot
from girih.engine.context import Frame
from girih.engine.failures import NodeFailedError
from girih.engine.shared_state import SharedState
from girih.engine.sight import Sight, State
from girih.engine.visit import Visit
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.expressions.values import evaluate
from girih.language.spec.tree import JsonObject

_OUT = slot("")


class Updates:
    """The updates of one node; it keeps nothing of a run."""

    def __init__(self, plan: Plan, node: PlanNode, sight: Sight) -> None:
        self._node = node
        self._sight = sight
        self._state = SharedState(plan)
        self._changes_more = bool(
            node.shape == "fork" or node.writes or node.on_error or {"state", "errors", "visits"} & {*sight.special}
        )

    def of(
        self, result: JsonObject | None, failure: NodeFailedError | None, visit: Visit, state: State, frame: Frame
    ) -> dict[str, Any]:
        """The update: the result, what kept branches bring along, failures that were handled, writes, counts."""
        node = self._node
        update: dict[str, Any] = {TALLY: added({node.name: 1}, visit.counts())}
        writes: list[list[Any]] = []
        for kept in visit.children.kept():
            update.update({channel: value for channel, value in kept.items() if channel.startswith(_OUT)})
            update[TALLY] = added(update[TALLY], kept.get(TALLY) or {})
            if ERRORS in kept:
                update[ERRORS] = noted(update.get(ERRORS, {}), kept[ERRORS])
            writes += kept.get(WRITES) or []
        writes += visit.children.writes
        if result is not None:
            update[slot(node.name)] = result
        if node.on_error is not None and (failure is not None or node.name in self._sight.errors(state, frame)):
            told = None if failure is None else {"kind": failure.kind, "message": failure.message}
            update[ERRORS] = {**update.get(ERRORS, {}), node.name: told}
        in_branch = frame.region is not None
        if node.writes and result is not None:
            so_far = self.after({**update, **self._state.update(writes, in_branch=in_branch)}, state)
            seen = self._sight.of(so_far, frame) | {node.name: result}
            writes += [[name, evaluate(value, seen)] for name, value in node.writes.items()]
        return update | self._state.update(writes, in_branch=in_branch)

    def seen(
        self, update: Mapping[str, Any], result: JsonObject | None, data: dict[str, Any], state: State, frame: Frame
    ) -> dict[str, Any]:
        """What the conditions on the node's ways out see."""
        own = {} if result is None else {self._node.name: result}
        return {**(self._sight.of(self.after(update, state), frame) if self._changes_more else data), **own}

    def after(self, update: Mapping[str, Any], state: State) -> State:
        """The channels with an update, as they will be."""
        if not self._changes_more:
            return state
        new = {**state, **{name: value for name, value in update.items() if name.startswith(_OUT)}}
        new[TALLY] = added(state.get(TALLY) or {}, update[TALLY])
        if ERRORS in update:
            new[ERRORS] = noted(state.get(ERRORS) or {}, update[ERRORS])
        if WRITES in update:
            new[WRITES] = [*(state.get(WRITES) or ()), *update[WRITES]]
        for name in self._state.names:
            if shared(name) in update:
                new[shared(name)] = self._state.reducer(name)(state.get(shared(name)), update[shared(name)])
        return new

    def tell(self, update: Mapping[str, Any], frame: Frame) -> None:
        """Emit what the node itself wrote to the shared state; for a fork that is in no other one, what all wrote."""
        if not self._node.writes and self._node.shape != "fork":
            return
        written = update.get(WRITES) or [
            [name, value] for name in self._state.names for value in update.get(shared(name), ())
        ]
        values = {name: value for name, value in written if name in self._node.writes}
        data: JsonObject = {"values": values}
        if self._node.shape == "fork" and frame.region is None and len(written) > len(values):
            data["merged"] = {}
            for name, value in written:
                data["merged"].setdefault(name, []).append(value)
        if len(data) > 1 or values:
            frame.emit(self._node.name, "state.updated", data)
