"""A run's values as its log tells them: what `state:` held after each event, as the run itself had it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from girih.engine.events import NewEvent, RunEvent
from girih.engine.shared_state import MESSAGES, SharedState, answer, merged, question
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject


class ValuesFold:
    """Takes a run's events in order, from the first one.

    `beginning` is what the thread held when the run began, or, where the run `goes_on` from a checkpoint of another
    one, what that checkpoint holds; `outputs` are those of the run before it, `messages` those the run was given.
    """

    def __init__(
        self,
        plan: Plan,
        run_id: str,
        beginning: JsonObject,
        outputs: JsonObject | None = None,
        messages: Sequence[JsonObject] = (),
        *,
        goes_on: bool = False,
    ) -> None:
        self._plan = plan
        self._place = f"{run_id}:"
        self._messages = messages
        self._goes_on = goes_on
        self._shared = SharedState(plan)
        self._own = frozenset(node.name for node in plan.nodes if node.region is None)
        self._begun = False
        self.state: JsonObject = dict(beginning)
        """What `state:` holds; a name that is not declared is one that others left on the thread."""
        self.outputs = outputs
        """Those of the run once it has ended well, until then those of the run before it."""

    def take(self, event: RunEvent) -> bool:
        """Take one event; gives whether anything is different now."""
        name, data = event.event.type, event.event.data
        if name == "run.started" and not self._begun:
            self._begin(data.get("inputs") or {})
            return True
        if name == "state.updated" and event.event.node in self._own:
            self._write(data)
            return True
        if name == "run.finished":
            self._end(data.get("outputs") or {})
            return True
        return False

    def _begin(self, inputs: JsonObject) -> None:
        self._begun = True
        if self._goes_on:
            return
        self.state |= self._shared.beginning(self.state)
        if self._plan.chat:
            said = list(self._messages)
            said += question(self._plan, inputs, self._place, said)
            self.state[MESSAGES] = merged("by_id", self.state[MESSAGES], said)

    def _write(self, data: JsonObject) -> None:
        writes: Mapping[str, list[object]] = data.get("merged") or {
            name: [value] for name, value in data["values"].items()
        }
        for name, values in writes.items():
            if name in self._shared.names:
                self.state[name] = self._shared.reducer(name)(self.state.get(name), values)

    def _end(self, outputs: JsonObject) -> None:
        self.outputs = outputs
        if self._plan.chat:
            said = answer(self._plan, outputs, self._place)
            # Where the run's beginning is no longer kept, nobody has told what was said before.
            self.state[MESSAGES] = merged("by_id", self.state.get(MESSAGES, []), said)


def begun(
    plan: Plan, run_id: str, beginning: JsonObject, inputs: JsonObject, messages: Sequence[JsonObject]
) -> JsonObject:
    """What `state:` holds when a run begins, before any of its nodes has written to it."""
    fold = ValuesFold(plan, run_id, beginning, None, messages)
    fold.take(RunEvent(run_id, 1, 1, NewEvent("run.started", {"inputs": inputs}, datetime.now(UTC))))
    return fold.state
