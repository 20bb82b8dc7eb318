"""One run, and one execution of one graph in it: all that a node's code is told, and nothing LangGraph keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from girih.engine.checkpoints import CheckpointStore
from girih.engine.events import NewEvent
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import (
    Events,
    Memory,
    ModelDone,
    ModelEvent,
    ModelRequest,
    Models,
    PauseRequest,
    Reply,
    Retriever,
    Sandbox,
    Scanner,
    Tools,
    Usage,
)
from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class Spent:
    """What earlier attempts of a run have used up: tokens and money, and the seconds it was executing."""

    usage: Usage = Usage()  # noqa: RUF009 - immutable
    wall: float = 0.0


class ResultCache(Protocol):
    """Results of nodes that carry `cache`, shared by the runs of a project. A key is a digest of all that matters."""

    async def get(self, key: str) -> JsonObject | None:
        """The result, if there is one that still lives."""
        ...

    async def put(self, key: str, result: JsonObject, ttl: float) -> None:
        """Keep a result for `ttl` seconds."""
        ...


@dataclass(frozen=True)
class RunContext:
    """One run's inputs and its world.

    `plans` finds the plan of a digest (for subgraphs); `emit` takes each event and never blocks; with `resume` the
    run continues from its last checkpoint, if it has one. `replies` answer the pauses it was interrupted by, by id.
    `state` is what `state:` holds at the beginning where it is not the declared default (a thread's, for one).
    """

    run_id: str
    inputs: JsonObject
    models: Models
    retriever: Retriever
    tools: Tools
    memory: Memory
    sandbox: Sandbox
    scanner: Scanner
    events: Events
    cache: ResultCache
    plans: Callable[[str], Awaitable[Plan]]
    checkpoints: CheckpointStore
    emit: Callable[[NewEvent], None]
    resume: bool = False
    started_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    attempt: int = 1
    user: str | None = None
    state: JsonObject = field(default_factory=dict)
    replies: Mapping[str, Reply] = field(default_factory=dict)
    spent: Spent = Spent()


@dataclass(frozen=True)
class OpenPause:
    """A pause without a reply yet. `id` is the same whenever the run comes back to it; `node` its path in the run."""

    id: str
    node: str
    request: PauseRequest


@dataclass(frozen=True)
class Outcome:
    """How a run ended, or that it waits. `usage` counts all model calls, also failed ones.

    `error` is `{kind, message, node, help}`; a graph that fails itself (`$fail`, `end` with `status: failed`) has an
    error of the kind `refused`. An `interrupted` run has at least one pause, and is resumed with replies to some of
    them. `state` is what `state:` holds at the end.
    """

    status: Literal["succeeded", "failed", "interrupted"]
    outputs: JsonObject | None
    error: JsonObject | None
    usage: JsonObject
    pauses: tuple[OpenPause, ...] = ()
    state: JsonObject = field(default_factory=dict)


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
        return self.executions <= self.plan.limits.steps

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
