"""What a graph file says, as typed data: the shape of `graph/v1` above its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from girih.language.spec.durations import Duration
from girih.language.spec.semantic import Version
from girih.language.spec.tree import JsonObject, JsonValue
from girih.language.spec.types import type_faults
from girih.language.spec.versions import LANGUAGE, known_language

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""A name inside a graph: it is spoken in expressions, so it is an identifier in lower case."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([-.][a-z0-9]+)*$", max_length=64)]
"""The name of a published thing: lower-case words joined by `-` or `.`."""


def _sound_type(spec: JsonValue) -> JsonValue:
    faults = tuple(type_faults(spec))
    if faults:
        raise PydanticCustomError("type_spec", "not a type", {"faults": faults})
    return spec


TypeSpec = Annotated[Any, AfterValidator(_sound_type), WithJsonSchema({"x-girih": "type"})]
"""A type as the author writes it: `string`, `integer?`, `[string]`, `{ enum: [a, b] }`, or a JSON Schema.

Where a model declares a field as one, its faults become findings at their own places.
"""

END = "$end"
"""The target that ends a run well."""

FAIL = "$fail"
"""The target that fails a run."""


class Strict(BaseModel):
    """A shape that refuses keys it does not know and never changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Route(Strict):
    """One way out of a node. Shorthands are normalized by `parser`; `at` and `condition_at` keep their places."""

    to: str
    condition: str | None = None
    """A CEL condition; `None` for an unconditional route."""
    otherwise: bool = False
    """Written as `else:`."""
    max_visits: Annotated[int, Field(ge=1, le=1000)] | None = None
    at: tuple[str | int, ...] = ("next",)
    """The path of the target, below the node."""
    condition_at: tuple[str | int, ...] = ("next",)


class Limits(Strict):
    """Bounds on one run, over all its attempts; a run that meets one fails as `budget`.

    `steps` counts node executions; each subgraph and each item of an `each` is counted on its own. `wall` bounds the
    seconds of execution (waiting for people does not count), `tokens` what goes into models and comes out, `cost_usd`
    what that costs by the models' prices, `depth` how far subgraphs nest: these hold for the whole run, with everything
    in it.
    """

    steps: Annotated[int, Field(ge=1, le=100_000)] = 100
    wall: Duration | None = None
    tokens: Annotated[int, Field(ge=1)] | None = None
    cost_usd: Annotated[float, Field(gt=0)] | None = None
    depth: Annotated[int, Field(ge=1, le=32)] = 8


class Tracing(Strict):
    """What of its runs is not recorded, and so stands in no trace: `prompts`, `outputs`, or both.

    `prompts` are inputs, what is searched for and found, what tools are called with, and what people are asked and
    answer; `outputs` are results of nodes, answers of models, what tools give and what is written under `state:`. The
    run itself keeps its inputs, outputs and checkpoints. What a graph wants left out is left out of the graphs that it
    runs as well.
    """

    redact: Annotated[list[Literal["prompts", "outputs"]], Field(max_length=2)] = Field(default_factory=list)


MergeRule = Literal["last", "append", "sum", "min", "max", "union"]


class StateField(Strict):
    """A value that nodes share and write: its type, how writes come together, and what it is before the first one.

    `last` takes the latest write, `append` adds to a list, `sum` to a number, `min` and `max` keep one of two,
    `union` adds to a list what is not in it yet: what is written is then a list of items. A list that is added to
    begins empty and a sum at 0; any other value without a `default` has none until it is written.
    """

    type: TypeSpec
    merge: MergeRule = "last"
    default: Any = None


class FirstOf(Strict):
    """A fallback chain of models, tried in order."""

    first_of: Annotated[list[str], Field(min_length=1, max_length=8)]


class Merged(Strict):
    """An output taken from the first reference that has a value."""

    from_: Annotated[list[str], Field(alias="from", min_length=1)]


class ChatMapping(Strict):
    """How a chat message maps onto the graph's inputs and outputs."""

    input: Name
    output: Name


class GraphHead(Strict):
    """A `graph/v1` file without its nodes, whose shapes belong to their kinds."""

    kind: Literal["graph/v1"]
    name: Slug
    title: str | None = None
    description: str | None = None
    inputs: dict[Name, TypeSpec] = Field(default_factory=dict)
    chat: ChatMapping | None = None
    use: dict[Name, Any] = Field(default_factory=dict)
    start: Name | None = None
    state: dict[Name, Any] = Field(default_factory=dict)
    outputs: dict[Name, Any] = Field(default_factory=dict)
    limits: Limits = Limits()
    trace: Tracing = Tracing()
    tests: list[Any] = Field(default_factory=list)
    version: Version | None = None
    language: Annotated[int, AfterValidator(known_language)] = LANGUAGE


@dataclass(frozen=True)
class GraphNode:
    """One node: its name, its verb, and its configuration as the verb's own model.

    A node that could not be read is there for its name's sake: `sound` is false, `config` holds only the common keys
    (and perhaps not all of those), and `verb` may be unknown. What it needs and returns cannot be asked.
    """

    name: str
    verb: str
    config: Any
    """An instance of the kind's `Config` (a `NodeConfig`)."""
    raw: JsonObject
    """The node as it was written."""
    sound: bool = True
    is_routed: bool = True
    """Whether it is known where the node leads: false when a rule of its `next` could not be read."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """The node's ways out, in order."""
        return tuple(self.config.next)


@dataclass(frozen=True)
class SharedValue:
    """One name under `state:`, with its type as a JSON Schema."""

    schema: JsonObject
    merge: MergeRule
    default: JsonValue
    """`None`: it has no value before the first write."""
    is_declared: bool = True
    """Whether the author wrote the merge rule out."""
    at: tuple[str | int, ...] = ()
    """The path of its type."""


@dataclass(frozen=True)
class AgentGraph:
    """A parsed graph. `inputs` are JSON Schemas by name; whether one is required stands in `required`."""

    head: GraphHead
    inputs: Mapping[str, JsonObject]
    required: frozenset[str]
    use: Mapping[str, tuple[str, ...]]
    """Alias → URIs (`model://small`); more than one for a fallback chain."""
    nodes: Mapping[str, GraphNode]
    outputs: Mapping[str, JsonValue | Merged]
    state: Mapping[str, SharedValue] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The graph's published name."""
        return self.head.name

    @property
    def start(self) -> str | None:
        """The node execution begins at: `start:`, else the first; `None` in a graph without nodes."""
        return self.head.start or next(iter(self.nodes), None)
