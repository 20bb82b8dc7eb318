"""The plan: what a proven graph compiles to. Plain data, immutable, and named by the digest of its content."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict

from girih.language.spec.canonical import canonical_json as canonical_json
from girih.language.spec.canonical import digest_of as digest_of
from girih.language.spec.model import MergeRule
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue


class Frozen(BaseModel):
    """Plain, immutable plan data."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlanRoute(Frozen):
    """One way out, in the order they are tried. `condition` is CEL; without one the route is always taken."""

    to: str
    condition: str | None = None
    max_visits: int | None = None


class PlanBranch(Frozen):
    """A branch of a fork, by its first node. `gives` holds at most one value, to be evaluated when it has ended."""

    entry: str
    binds: tuple[str, ...] = ()
    """The names that only this branch can speak."""
    gives: tuple[JsonValue, ...] = ()
    reads: tuple[str, ...] = ()
    """The names that `gives` refers to."""


class PlanRetry(Frozen):
    """See `Retry`; times in seconds."""

    max: int
    on: tuple[str, ...]
    wait: float
    longest: float


class PlanTimeout(Frozen):
    """See `Timeout`; seconds."""

    attempt: float | None = None
    total: float | None = None


class PlanOnError(Frozen):
    """See `OnError`: either a target, or a value that still holds `${ … }`."""

    on: tuple[str, ...]
    to: str | None = None
    value: JsonObject | None = None


class PlanCache(Frozen):
    """See `Cache`; `key` holds at most one value that still holds `${ … }`."""

    ttl: float
    key: tuple[JsonValue, ...] = ()


class PlanNode(Frozen):
    """One node: its settings are final, its values still hold `${ … }` to be evaluated against what it reads."""

    name: str
    title: str | None = None
    verb: str
    shape: Literal["step", "fork", "end"]
    settings: JsonObject
    values: JsonObject
    """Slot name → what the author wrote there."""
    reads: tuple[str, ...]
    """The names (`inputs`, nodes, `state`, `run`, …) that anything of it refers to: all that it is shown."""
    returns: JsonSchema
    routes: tuple[PlanRoute, ...]
    when: str | None = None
    """CEL: the node is passed over where it does not hold."""
    retry: PlanRetry | None = None
    timeout: PlanTimeout | None = None
    on_error: PlanOnError | None = None
    cache: PlanCache | None = None
    writes: dict[str, JsonValue] = {}
    """Name under `state:` → what to write, evaluated with the node's own result in sight."""
    conditions: dict[str, str] = {}
    """`ConditionSlot` name → CEL."""
    exits: dict[str, str] = {}
    """`Exit` name → target."""
    branches: tuple[PlanBranch, ...] = ()
    """For a fork."""
    fork: str | None = None
    """The innermost fork this node is in a branch of; `None` outside of every fork."""
    region: str | None = None
    """The first node of the innermost branch this node belongs to; `None` outside of every fork."""


class PlanOutput(Frozen):
    """Where an output comes from: the first of `values` that can be evaluated."""

    values: tuple[JsonValue, ...]


class PlanState(Frozen):
    """One value of `state:`; see `StateField`."""

    type: JsonSchema
    merge: MergeRule
    default: JsonValue = None


class PlanLimits(Frozen):
    """See `Limits`; `wall` in seconds."""

    steps: int = 100
    wall: float | None = None
    tokens: int | None = None
    cost_usd: float | None = None
    depth: int = 8


class LockEntry(Frozen):
    """One reference of `use:`, held to exactly what it meant at publish."""

    alias: str
    uri: str
    scheme: Literal["model", "knowledge", "tool", "graph"]
    name: str
    digest: str | None = None


class Plan(Frozen):
    """A graph ready to run. The same content has the same digest, whatever it looked like as text."""

    language: Literal[1] = 1
    name: str
    title: str | None = None
    description: str | None = None
    inputs: JsonSchema
    outputs: JsonSchema
    chat: JsonObject | None = None
    start: str
    nodes: tuple[PlanNode, ...]
    results: dict[str, PlanOutput]
    state: dict[str, PlanState] = {}
    limits: PlanLimits = PlanLimits()
    redact: tuple[Literal["outputs", "prompts"], ...] = ()
    """See `Tracing`."""
    lock: tuple[LockEntry, ...] = ()

    @cached_property
    def digest(self) -> str:
        """`sha256:` and the hash of the canonical JSON."""
        return digest_of(self.model_dump(mode="json"))

    def node(self, name: str) -> PlanNode:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)
