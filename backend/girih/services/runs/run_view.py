"""A run as doors of other projects have to know it, to tell its events in words of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import RunOut
from girih.services.runs.talk import Talks
from girih.services.runs.values_fold import ValuesFold


@dataclass(frozen=True)
class RunView:
    """A run as it stands, its plan, and what its values begin with."""

    run: RunOut
    plan: Plan
    beginning: JsonObject
    outputs: JsonObject | None
    """Those of the run before it on its thread."""
    messages: Sequence[JsonObject]
    goes_on: bool
    before: str | None = None
    """The id of its thread's moment before it began; `None` for one that goes on where another one was."""
    talks: Talks = field(default_factory=dict)
    """What agents said beside calls in the runs before it on its thread."""

    def fold(self) -> ValuesFold:
        """Its values before its first event."""
        return ValuesFold(self.plan, self.run.id, self.beginning, self.outputs, self.messages, goes_on=self.goes_on)
