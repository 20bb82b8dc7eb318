"""All that a node may reach of the world outside it: models, retrieval, tools, memory, other graphs, its own events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from girih.language.nodes.memories import Memory
from girih.language.nodes.messages import NOTHING_GIVEN as NOTHING_GIVEN
from girih.language.nodes.messages import AppGiven as AppGiven
from girih.language.nodes.messages import Image as Image
from girih.language.nodes.messages import Message as Message
from girih.language.nodes.messages import ToolCall as ToolCall
from girih.language.nodes.messages import ToolSpec as ToolSpec
from girih.language.nodes.pausing import PauseRequest, Reply
from girih.language.nodes.searches import NOBODY as NOBODY
from girih.language.nodes.searches import Asker as Asker
from girih.language.nodes.searches import Hit as Hit
from girih.language.nodes.searches import SearchMode as SearchMode
from girih.language.nodes.searches import SearchRequest as SearchRequest
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

# --- models


@dataclass(frozen=True)
class Usage:
    """Tokens of one model call, as the provider counted them, and what they cost by the model's prices (USD)."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost_usd + other.cost_usd,
        )


@dataclass(frozen=True)
class ModelRequest:
    """One model call.

    `models` are logical names in order of preference; `schema` asks for JSON of that shape; `tools` may be called:
    at the model's will (`auto`), at least one (`required`), the one that `tool_choice` names, or `none`.
    """

    models: tuple[str, ...]
    messages: tuple[Message, ...]
    params: JsonObject = field(default_factory=dict)
    schema: JsonSchema | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str | None = None


@dataclass(frozen=True)
class TextDelta:
    """A piece of the answer, as it arrives."""

    text: str


@dataclass(frozen=True)
class ToolCallDelta:
    """A piece of a tool call, as it arrives: `index` counts the answer's calls; `id` and `name` come with the first."""

    index: int
    arguments: str
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class ModelDone:
    """The end of an answer: what it cost, which model gave it, and the tools it wants called."""

    usage: Usage
    model: str
    provider: str
    calls: tuple[ToolCall, ...] = ()
    cut_off: bool = False
    """The model stopped at its limit of tokens."""
    name: str = field(default="", compare=False)
    """The logical model that answered: the one that was asked, or one that stood in for it."""


ModelEvent: TypeAlias = TextDelta | ToolCallDelta | ModelDone


class Models(Protocol):
    """Chat models by logical name."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        """Stream one answer, ending with `ModelDone`. Raises `NodeError` of a named kind.

        A failure after something was used comes behind a `ModelDone` that carries the usage.
        """
        ...


# --- knowledge, tools, memory, sandbox


class Retriever(Protocol):
    """Search in collections."""

    async def search(self, request: SearchRequest, models: Models) -> list[Hit]:
        """The best hits, best first; empty when nothing fits. `models` are those of the node that asks.

        Raises `NodeError`.
        """
        ...


class Tools(Protocol):
    """Tools with a published contract."""

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the tool bounds its own exchange with it
        idempotency_key: str,
    ) -> JsonValue:
        """Call once and return the decoded JSON result. `timeout` in seconds. Raises `NodeError`."""
        ...


class Graphs(Protocol):
    """Other graphs, locked at publish."""

    async def run(self, digest: str, inputs: JsonObject, key: str = "") -> JsonObject:
        """Run the graph with that digest to its end, as a part of this run, and return its outputs.

        A node that calls more than once gives each call a `key` of its own, by which a resumed run finds it.
        """
        ...


class Sandbox(Protocol):
    """Runs small programs of the graph's author in a process of their own, without files, network or clock."""

    async def run(
        self,
        code: str,
        inputs: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the sandbox ends the program by it
        memory_mb: int,
    ) -> JsonValue:
        """The value of the program's last expression. Raises `NodeError` (`invalid_output`, `timeout`, `budget`)."""
        ...


@dataclass(frozen=True)
class Found:
    """Personal data in a text: its kind (`email`, `phone`, `iban`, …) and its span, in characters."""

    kind: str
    start: int
    end: int


class Scanner(Protocol):
    """Finds personal data in texts, offline."""

    def find(self, text: str, kinds: Sequence[str]) -> list[Found]:
        """What was found of these kinds, in order, without overlaps."""
        ...


class Events(Protocol):
    """Domain events of the project."""

    async def publish(self, type: str, data: JsonObject, *, key: str) -> str:
        """Publish once for each `key`, however often it is called. Returns the event's id."""
        ...


Emit: TypeAlias = Callable[[str, JsonObject], None]
"""Emits one event of the node: type and data. Never blocks."""


@dataclass(frozen=True)
class Ports:
    """The world outside, as one run sees it."""

    models: Models
    retriever: Retriever
    tools: Tools
    graphs: Graphs
    memory: Memory
    sandbox: Sandbox
    scanner: Scanner
    events: Events


# --- what a running node is given


class Branches(Protocol):
    """The branches of a fork, run as parts of this run with checkpoints of their own."""

    async def run(self, entry: str, binds: Mapping[str, JsonValue] = {}, key: str = "") -> JsonValue:
        """Run the branch that begins at `entry` to its end; gives the value of its `gives`, else `None`.

        `key` tells the executions of one branch apart. Raises `NodeError` when a node of it fails for good and lets
        `Paused` pass. What it wrote is only kept after `keep`.
        """
        ...

    def keep(self, entry: str, key: str = "") -> None:
        """Let the nodes after the fork see the results of that finished execution, and what it wrote to the state."""
        ...

    def written(self, entry: str, key: str = "") -> list[JsonValue]:
        """What that finished execution wrote to the shared state: plain data, to be recorded and given to `write`."""
        ...

    def write(self, writes: Sequence[JsonValue]) -> None:
        """Let what an execution wrote count although it is not kept."""
        ...


@dataclass(frozen=True)
class NodeContext:
    """What a running node is told about itself. `attempt_key` is the same when the node is run again after a crash.

    `once(key, work)` gives the recorded result of `work` if it was done before under that key in this visit of the
    node, else does it and records it durably. `pause(key, request)` gives the reply if there is one, else raises
    `Paused`. `holds(name, binds)` evaluates the `ConditionSlot` of that name. `given` is what the app has for models.
    """

    run_id: str
    node: str
    attempt_key: str
    user: str | None
    ports: Ports
    emit: Emit
    branches: Branches
    once: Callable[[str, Callable[[], Awaitable[JsonValue]]], Awaitable[JsonValue]]
    pause: Callable[[str, PauseRequest], Awaitable[Reply]]
    holds: Callable[[str, Mapping[str, JsonValue]], bool]
    given: AppGiven = NOTHING_GIVEN
