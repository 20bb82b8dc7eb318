"""One run, and one execution of one graph in it: all that a node's code is told, and nothing LangGraph keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from girih.engine.checkpoints import CheckpointStore
from girih.engine.events import NewEvent
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import ModelDone, ModelEvent, ModelRequest, Models, Retriever, Tools, Usage
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class RunContext:
    """One run's inputs and its world.

    `plans` finds the plan of a digest (for subgraphs); `emit` takes each event and never blocks; with `resume` the
    run continues from its last checkpoint, if it has one.
    """

    run_id: str
    inputs: JsonObject
    models: Models
    retriever: Retriever
    tools: Tools
    plans: Callable[[str], Awaitable[Plan]]
    checkpoints: CheckpointStore
    emit: Callable[[NewEvent], None]
    resume: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `usage` counts all model calls, also failed ones; `error` is `{kind, message, node, help}`.

    A graph that fails itself (`$fail`, `end` with `status: failed`) has an error of the kind `refused`.
    """

    status: Literal["succeeded", "failed"]
    outputs: JsonObject | None
    error: JsonObject | None
    usage: JsonObject


@dataclass
class Frame:
    """One execution of one graph: the run's own, or a subgraph's.

    `path` stands before the names of its nodes in events (`refund/`), `ns` names this very execution in checkpoints
    and keys: it counts visits, so that a subgraph in a loop starts afresh each time and a resume finds its own.
    """

    plan: Plan
    run: RunContext
    path: str = ""
    ns: str = ""
    executions: int = 0
    """Node executions begun so far."""
    usage: Usage = field(default_factory=Usage)

    def begin(self, finished: int) -> bool:
        """Count one node execution, given how many the state knows as finished; false when the limit is reached.

        The state lacks what runs beside this node, a new process lacks what ran before: the larger one is right.
        """
        self.executions = max(self.executions, finished) + 1
        return self.executions <= self.plan.steps

    def emit(self, node: str, type: str, data: JsonObject) -> None:
        """Emit an event of a node of this graph."""
        self.run.emit(NewEvent(type, data, datetime.now(UTC), f"{self.path}{node}"))


@dataclass
class CountedModels:
    """The run's models, with a count of what this node's calls cost."""

    models: Models
    frame: Frame
    usage: Usage = field(default_factory=Usage)

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer and count its usage."""
        async for event in self.models.stream(request):
            if isinstance(event, ModelDone):
                self.add(event.usage)
            yield event

    def add(self, usage: Usage) -> None:
        """Count the usage of a call, or of a subgraph."""
        self.usage += usage
        self.frame.usage += usage


def usage_dict(usage: Usage) -> JsonObject:
    """Usage as events and outcomes show it."""
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
