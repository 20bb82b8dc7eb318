"""What is in sight at one place of a graph: the names it reads, as far as they have a value yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from girih.engine.channels import ERRORS, TALLY, WRITES, added, shared, slot
from girih.engine.context import Frame
from girih.engine.shared_state import SharedState
from girih.language.compiler.plan import Plan

State = Mapping[str, Any]
"""Channel → value, of one region."""

SPECIAL = frozenset({"inputs", "state", "run", "errors", "visits"})
"""The names that are no node's."""


class Sight:
    """What a node with these `reads` sees."""

    def __init__(self, plan: Plan, reads: Iterable[str]) -> None:
        self._plan = plan
        self._shared = SharedState(plan)
        reads = tuple(reads)
        self._slots = tuple((name, slot(name)) for name in reads if name not in SPECIAL)
        self.special = tuple(name for name in reads if name in SPECIAL)

    def of(self, state: State, frame: Frame) -> dict[str, Any]:
        """Name → value. What has no value is left out."""
        seen: dict[str, Any] = {}
        for name, channel in self._slots:
            if channel in state:
                seen[name] = state[channel]
            elif name in frame.outer:
                seen[name] = frame.outer[name]
        for name in self.special:
            seen[name] = self._special(name, state, frame)
        return seen

    def all(self, state: State, frame: Frame) -> dict[str, Any]:
        """Everything that is in sight: what a branch that begins here sees of what is around it."""
        slots = {node.name: state[slot(node.name)] for node in self._plan.nodes if slot(node.name) in state}
        special = {name: self._special(name, state, frame) for name in ("state", "errors")}
        return {**frame.outer, **slots, **special, TALLY: self.tally(state, frame)}

    def shared(self, state: State, frame: Frame) -> dict[str, Any]:
        """The values of `state:`, with what this branch has written."""
        if frame.region is not None:
            return self._shared.seen(self._shared.after(frame.outer["state"], state.get(WRITES) or ()))
        return self._shared.seen({n: state[shared(n)] for n in self._shared.names if shared(n) in state})

    def errors(self, state: State, frame: Frame) -> dict[str, Any]:
        """The failures that were handled, by node."""
        told = {**frame.outer.get("errors", {}), **(state.get(ERRORS) or {})}
        return {node: failure for node, failure in told.items() if failure is not None}

    def _special(self, name: str, state: State, frame: Frame) -> Any:
        if name == "inputs":
            return frame.inputs
        if name == "run":
            return frame.facts
        if name == "state":
            return self.shared(state, frame)
        if name == "errors":
            return self.errors(state, frame)
        counts = self.tally(state, frame)
        return {node.name: int(counts.get(node.name, 0)) for node in self._plan.nodes}

    def tally(self, state: State, frame: Frame) -> Mapping[str, float]:
        """What was counted in this graph so far, here and around."""
        counts = state.get(TALLY) or {}
        return added(frame.outer[TALLY], counts) if TALLY in frame.outer else counts
