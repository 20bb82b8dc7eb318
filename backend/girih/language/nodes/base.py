"""The contract of a node kind.

A kind is one file in this folder with one class derived from `NodeKind`, found by the registry; nothing else names it.
The class says four things:

- **`Config`**: the keys an author may write, as a pydantic model that forbids all others. Its first field has the
  verb's name. Common keys (`next`, `title`, `when`, `retry`, …) come from `NodeConfig`.
- **`slots`** and **`conditions`**: each place in the configuration that may hold `${ … }`, with the type the node needs
  there, and each that holds a condition.
- **`branches`** and **`exits`**: the parts of the graph it runs itself, and the ways out it takes besides `next`.
- **`uses`** and **`returns`**: which names of `use:` it needs and of what scheme, and the JSON Schema of its result.
- **`lower`** and **`run`**: the settings that go into the plan, as plain JSON, and the work itself, which sees the
  settings, the evaluated slots and its ports, and nothing else.

The class docstring becomes the kind's reference page, `example` its example there; both are tested.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import BeforeValidator

from girih.language.expressions.names import Finding
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Route
from girih.language.spec.policies import Policies
from girih.language.spec.routes import normalize_routes
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path

Scheme = Literal["model", "knowledge", "tool", "graph"]
Shape = Literal["step", "fork", "end"]
Facility = Literal["sandbox"]
"""What an installation may lack, so that it cannot run every graph."""

ANY: JsonSchema = {}
STRING: JsonSchema = {"type": "string"}


class NodeConfig(Policies):
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
    apart: bool = False
    """Each `${ … }` of the text is evaluated by itself; `run` finds the list of their values, in order."""


@dataclass(frozen=True)
class ConditionSlot:
    """A CEL condition in a node's configuration that the node asks by `name` while it runs.

    `binds` are names that only this condition can speak, with their types: the arguments of a tool call, for one.
    """

    name: str
    path: Path
    text: str
    binds: Mapping[str, JsonSchema] = field(default_factory=dict)


@dataclass(frozen=True)
class Branch:
    """A part of the graph that a fork runs itself, from its first node to a node without `next`.

    `path` is where the first node is named. `binds` are names that only this branch can speak, with their types.
    `gives` is evaluated at the end of the branch, with its nodes in sight, and is what running it returns.
    `kept` says what the nodes after the fork see of its results: `always` (it has certainly ended), `one` (exactly
    one of the fork's branches has), `maybe`, `never`; `why` is what to tell an author who reads one of them where it
    may not be: `may have failed (join: settled)`.
    """

    path: Path
    entry: str
    binds: Mapping[str, JsonSchema] = field(default_factory=dict)
    gives: Slot | None = None
    kept: Literal["always", "one", "maybe", "never"] = "always"
    why: str = ""


@dataclass(frozen=True)
class Exit:
    """A way out besides `next`: where its target is written, and whether the node's own result is there on that way."""

    name: str
    path: Path
    to: str
    has_result: bool = False


@dataclass(frozen=True)
class Leaving:
    """What `run` returns to leave by an `Exit` of that name; `result` where the exit has one."""

    exit: str
    result: JsonObject | None = None


@dataclass(frozen=True)
class Use:
    """A name of `use:` that a node needs: where it is written, and what kind of thing it must be."""

    path: Path
    alias: str
    scheme: Scheme


@dataclass(frozen=True)
class Need:
    """Something a model of `use:` must be able to do: where it is named, what, and the key that asks for it."""

    path: Path
    alias: str
    ability: Literal["tools", "structured_output"]
    key: str


@dataclass(frozen=True)
class PromptFile:
    """A file a node reads: where it is named, its path in the workspace, and the names of what is passed to it.

    Only a `prompt file` is a template; a `program` has checks of its own.
    """

    path: Path
    file: str
    passed: tuple[str, ...]
    noun: Literal["prompt file", "program"] = "prompt file"


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
class ModelContract:
    """What a `model/v1` document says its model can do; how it is done when the model cannot is the provider's matter.

    `tools` and `structured_output`: `native`, by a `prompted` envelope that is checked, or `none`. `images`: whether it
    can be shown some.
    """

    name: str
    tools: Literal["native", "prompted", "none"] = "native"
    structured_output: Literal["native", "prompted", "none"] = "native"
    images: Literal["native", "none"] = "native"
    fallbacks: tuple[str, ...] = ()
    """The models that are asked when this one is not to be had."""

    @classmethod
    def of(cls, name: str, document: JsonObject) -> Self:
        """What a document, or a document with what a server has bound over it, says."""
        return cls(name, **(document.get("capabilities") or {}), fallbacks=tuple(document.get("fallbacks") or ()))


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
    infer_in: Callable[[Branch, JsonValue], JsonSchema] = lambda *_: {}
    """The type of a value at the end of a branch."""
    ends: Callable[[str], tuple[str, ...]] = lambda *_: ()
    """First node of a branch → the nodes it can end at, in the order of the file."""
    model_contracts: Mapping[str, ModelContract] = field(default_factory=dict)
    """Logical model name → what it can do, as far as that is known."""
    metadata: Mapping[str, JsonSchema] = field(default_factory=dict)
    """Collection name → the types of its documents' metadata, where it declares them."""


C = TypeVar("C", bound=NodeConfig)


class NodeKind(ABC, Generic[C]):
    """One verb of the language; see the module's docstring for the contract."""

    verb: ClassVar[str]
    shape: ClassVar[Shape] = "step"
    records: ClassVar[bool] = False
    """Whether what it does outside is recorded piece by piece (`NodeContext.once`), so that a retry repeats none."""
    requires: ClassVar[frozenset[Facility]] = frozenset()
    """What must be there to run it: without it, a server publishes no graph with such a node."""
    Config: type[C]
    example: ClassVar[str]
    """A whole node in YAML, as it would stand under `nodes:`."""

    def uses(self, config: C) -> Iterable[Use]:
        """The names of `use:` this node needs."""
        return ()

    def needs(self, config: C) -> Iterable[Need]:
        """What the models it uses must be able to do."""
        return ()

    def slots(self, config: C, scope: Scope) -> Iterable[Slot]:
        """Each place that may hold `${ … }`."""
        return ()

    def conditions(self, config: C, scope: Scope) -> Iterable[ConditionSlot]:
        """Each condition the node asks while it runs."""
        return ()

    def faults(self, config: C, scope: Scope) -> Iterable[tuple[Path, Finding]]:
        """What is wrong with texts in a language of the kind's own: the text's path below the node, and the fault."""
        return ()

    def branches(self, config: C, scope: Scope) -> Iterable[Branch]:
        """For a fork: the branches it runs."""
        return ()

    def exits(self, config: C) -> Iterable[Exit]:
        """The ways out besides `next`; a target is a node, `$end` or `$fail`."""
        return ()

    def files(self, config: C) -> Iterable[PromptFile]:
        """The prompt files this node reads."""
        return ()

    @abstractmethod
    def returns(self, config: C, scope: Scope) -> JsonSchema:
        """The JSON Schema of the node's result: always an object."""

    def completed(self, mock: JsonObject) -> JsonObject:
        """A result that a test makes up for this node, with what its author need not make up filled in."""
        return mock

    def lower(self, config: C, scope: Scope) -> JsonObject:
        """The settings `run` will be given: plain JSON, with every reference resolved."""
        return {}

    @abstractmethod
    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject | Leaving:
        """Do the work. `values` holds the evaluated slots by name. Returns data that fits `returns`, or an exit.

        Raises `NodeError`; lets `Paused` pass.
        """


def object_of(properties: Mapping[str, JsonSchema], optional: Iterable[str] = ()) -> JsonSchema:
    """A closed object schema whose properties are all required but the optional ones."""
    missing = set(optional)
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in missing],
        "additionalProperties": False,
    }
