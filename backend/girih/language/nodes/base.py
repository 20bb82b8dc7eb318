"""The contract of a node kind.

A kind is one file in this folder with one class derived from `NodeKind`, found by the registry; nothing else names it.
The class says four things:

- **`Config`**: the keys an author may write, as a pydantic model that forbids all others. Its first field has the
  verb's name. Common keys (`next`, `title`, `description`) come from `NodeConfig`.
- **`slots`**: each place in the configuration that may hold `${ … }`, with the type the node needs there.
- **`uses`** and **`returns`**: which names of `use:` it needs and of what scheme, and the JSON Schema of its result.
- **`lower`** and **`run`**: the settings that go into the plan, as plain JSON, and the work itself, which sees the
  settings, the evaluated slots and its ports, and nothing else.

The class docstring becomes the kind's reference page, `example` its example there; both are tested.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import BeforeValidator

from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Route, Strict
from girih.language.spec.routes import normalize_routes
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path

Scheme = Literal["model", "knowledge", "tool", "graph"]
Shape = Literal["step", "fork", "end"]

ANY: JsonSchema = {}
STRING: JsonSchema = {"type": "string"}


class NodeConfig(Strict):
    """The keys every node may carry."""

    title: str | None = None
    description: str | None = None
    next: Annotated[tuple[Route, ...], BeforeValidator(normalize_routes)] = ()


@dataclass(frozen=True)
class Slot:
    """A place in a node's configuration that may hold `${ … }`.

    `name` is the key under which `run` finds the evaluated value; `path` is the place below the node; `value` what the
    author wrote there (text or nested data); `expects` the type the node needs.
    """

    name: str
    path: Path
    value: JsonValue
    expects: JsonSchema = field(default_factory=dict)


@dataclass(frozen=True)
class Use:
    """A name of `use:` that a node needs: where it is written, and what kind of thing it must be."""

    path: Path
    alias: str
    scheme: Scheme


@dataclass(frozen=True)
class PromptFile:
    """A prompt file a node reads: where it is named, its path in the workspace, and the variables passed to it."""

    path: Path
    file: str
    passed: tuple[str, ...]


@dataclass(frozen=True)
class GraphContract:
    """What a graph takes and gives, and the digest of the version a reference is locked to."""

    name: str
    digest: str
    inputs: JsonSchema
    outputs: JsonSchema


@dataclass(frozen=True)
class ToolContract:
    """A tool's published contract: the whole `tool/v1` document (plain JSON), its parameters and its result."""

    name: str
    digest: str
    parameters: JsonSchema
    returns: JsonSchema
    document: JsonObject


@dataclass(frozen=True)
class Scope:
    """What a kind may ask while it is compiled: what names mean, what a prompt file says, what type a value has."""

    models: Mapping[str, tuple[str, ...]]
    """Alias → logical model names, in order of preference."""
    knowledge: Mapping[str, str]
    """Alias → collection name."""
    tools: Mapping[str, ToolContract]
    graphs: Mapping[str, GraphContract]
    prompts: Mapping[str, str]
    """Prompt file → its text."""
    infer: Callable[[JsonValue], JsonSchema]
    """The type of a value that may hold `${ … }`."""


C = TypeVar("C", bound=NodeConfig)


class NodeKind(ABC, Generic[C]):
    """One verb of the language; see the module's docstring for the contract."""

    verb: ClassVar[str]
    shape: ClassVar[Shape] = "step"
    Config: type[C]
    example: ClassVar[str]
    """A whole node in YAML, as it would stand under `nodes:`."""

    def uses(self, config: C) -> Iterable[Use]:
        """The names of `use:` this node needs."""
        return ()

    def slots(self, config: C, scope: Scope) -> Iterable[Slot]:
        """Each place that may hold `${ … }`."""
        return ()

    def files(self, config: C) -> Iterable[PromptFile]:
        """The prompt files this node reads."""
        return ()

    @abstractmethod
    def returns(self, config: C, scope: Scope) -> JsonSchema:
        """The JSON Schema of the node's result: always an object."""

    def lower(self, config: C, scope: Scope) -> JsonObject:
        """The settings `run` will be given: plain JSON, with every reference resolved."""
        return {}

    @abstractmethod
    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        """Do the work. `values` holds the evaluated slots by name. Returns data that fits `returns`."""


def object_of(properties: Mapping[str, JsonSchema], optional: Iterable[str] = ()) -> JsonSchema:
    """A closed object schema whose properties are all required but the optional ones."""
    missing = set(optional)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in missing],
        "additionalProperties": False,
    }
