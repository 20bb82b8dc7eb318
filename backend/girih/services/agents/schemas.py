"""What the agent service takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from girih.language.compiler.diff import Verdict
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.services.agents.trial_reports import ReportOut
from girih.services.registry.schemas import Action
from girih.services.shelf.schemas import Notice


class PieceOut(BaseModel):
    """One piece of a graph that differs; `at` is where it is written, as `nodes.answer.prompt`.

    `before` is null for what was added, `after` for what was removed. With `breaks`, callers may rely on what it was.
    """

    part: str
    at: str
    action: Literal["added", "removed", "changed"]
    before: Any
    after: Any
    breaks: bool


class DifferenceOut(BaseModel):
    """What a version does differently, and what that means to callers; `verdict` is null where nothing differs."""

    verdict: Verdict | None
    breaking: list[str]
    changes: list[PieceOut]


class ComparisonOut(DifferenceOut):
    """Two versions of an agent, compared."""

    old: str
    new: str


class OpenRunsOut(BaseModel):
    """Runs of one version that have not ended, and go on with it; `interrupted` ones wait for an answer or a time."""

    version: str
    status: Literal["queued", "running", "interrupted"]
    count: int


class CallerOut(BaseModel):
    """A published graph that calls this one: it stays with the version it was published with.

    `breaks` says what it would no longer find if it were applied again.
    """

    name: str
    version: str
    calls: str | None
    """Which version of this graph it calls."""
    breaks: list[str]


class PriceOut(BaseModel):
    """USD per million tokens."""

    input: float
    output: float


class CostOut(BaseModel):
    """What a graph's cost depends on. `max_tokens`: what its model nodes may answer with, once each; null if unbound.

    Models whose price nobody has said have none.
    """

    models: dict[str, PriceOut | None]
    model_nodes: int
    max_tokens: int | None


class EffectsOut(BaseModel):
    """What a change means to what goes on. Of graphs all but `documents`; of collections that alone."""

    runs: list[OpenRunsOut] = []
    threads: int = 0
    """Threads on which the agent ran last."""
    schedules: list[str] = []
    callers: list[CallerOut] = []
    aliases: dict[str, str] = {}
    """Alias → version, once the change is made."""
    cost_before: CostOut | None = None
    cost_after: CostOut | None = None
    documents: int | None = None
    """How many documents are indexed anew."""


class Change(BaseModel):
    """What an apply did, or with `dry_run` would do, to one spec. Graphs and pipelines have versions.

    A graph that is updated says which version it comes after, and what it does differently.
    """

    kind: str
    name: str
    action: Action
    version: str | None
    digest: str
    path: str
    previous: str | None = None
    difference: DifferenceOut | None = None
    effects: EffectsOut | None = None
    report: ReportOut | None = None
    """What the tests of a graph said that gets a new version."""
    forced: bool = False
    """Whether it is published although a test failed."""


class ApplyOut(BaseModel):
    """The outcome of an apply: a change per spec, and the compiler's warnings.

    `base` says in one digest what was published in the project before; an apply that names it is refused when that is
    no longer so.
    """

    changes: list[Change]
    diagnostics: list[dict[str, object]]
    base: str
    standing: str = ""
    """The same digest of what is published once this is done."""


class Locked(BaseModel):
    """What one reference was resolved to when a version was published. What has no versions has only a digest.

    `version` of a model is the revision of what the server had bound it to. `through` is the reference that led here:
    null for what the text names itself, the URI of the graph, collection, pipeline or model for what that names.
    """

    model_config = ConfigDict(frozen=True)

    uri: str
    kind: Literal["model", "knowledge", "tool", "graph", "pipeline"]
    name: str
    version: str | None = None
    digest: str | None = None
    """Null for the models that are built in."""
    through: str | None = None


class AgentOut(BaseModel):
    """An agent as it is listed; `version`, `digest` and what it says of itself are those of `latest`."""

    name: str
    title: str | None
    description: str | None
    version: str
    number: int
    """Counts the agent's versions from 1."""
    digest: str
    chat: JsonObject | None
    """Which input and output a chat is about; `None` for an agent that cannot be spoken to."""
    aliases: dict[str, str]
    """Alias → version."""
    created_at: datetime
    updated_at: datetime


class AgentDetail(AgentOut):
    """One version of an agent (the latest, unless another is asked for): its contract, and the text it came from."""

    inputs: JsonSchema
    outputs: JsonSchema
    path: str
    source: str
    report: ReportOut | None = None
    """What its tests said when it was published."""
    forced: bool = False
    """Whether it was published although a test failed."""
    signature: dict[str, str] | None = None
    """`alg`, `kid` and `value`; null where it was not signed."""
    imported: dict[str, Any] | None = None
    """By whom and when it was brought here in a bundle, and whose signature held."""


class VersionOut(BaseModel):
    """One version of an agent; `number` counts them from 1."""

    version: str
    number: int
    digest: str
    aliases: list[str]
    path: str
    commit: str | None = None
    """The commit of the folder that it was published from."""
    dirty: bool | None = None
    """Whether that folder held changes beside the commit."""
    message: str | None = None
    """What it is about, in the words of whoever published it."""
    created_by: str
    created_at: datetime
    report: ReportOut | None = None
    """What its tests said when it was published, without the single tests."""
    forced: bool = False
    signed_by: str | None = None
    """The `kid` of the key it was signed with."""
    imported: dict[str, Any] | None = None
    """By whom and when it was brought here in a bundle."""
    mark: Literal["deprecated", "yanked"] | None = None
    reason: str | None = None
    """Why it is deprecated or yanked."""
    replaced_by: str | None = None
    """What callers should use instead."""
    collected_at: datetime | None = None
    """Since when it has no plan and no text any more: nothing referred to it."""


class Standing(BaseModel):
    """What a reference means right now."""

    version: str | None = None
    digest: str | None = None


class LockOut(Locked):
    """A reference of a version: what it was resolved to, and what it means now.

    `held` are graphs and tools: a run uses exactly what the version was published with. Of models, collections and
    their pipelines a run takes what stands under their names when it runs. `drifted` says whether `now` is something
    else; `now` is null where there is nothing any more.
    """

    held: bool
    now: Standing | None
    drifted: bool


class VersionDetail(VersionOut):
    """One version with all that is kept of it: contract, text, lock, what its tests said, and the signature.

    `lock` is null for a version that was published before locks were kept.
    """

    inputs: JsonSchema
    outputs: JsonSchema
    source: str
    lock: list[LockOut] | None
    signature: dict[str, str] | None
    """`alg`, `kid` and `value`; null where it was not signed."""


class MoveOut(BaseModel):
    """One move of an alias: the version it was led to, null where it was removed; why, by whom and when."""

    version: str | None
    reason: str
    """`set`, `split`, `split_ended` (all to one version again), `rolled_back`, `removed`, and what a guard did:
    `rolled_back_automatically`, `promoted_automatically`."""
    by: str
    at: datetime
    commit: str | None = None
    """The commit that the version was published from; see `VersionOut`."""
    dirty: bool | None = None
    message: str | None = None
    proposed_by: str | None = None
    """Who asked for it, where another one approved it."""
    weights: dict[str, int] | None = None
    """Of a split: percent by version."""
    guard: dict[str, float] | None = None
    """The bounds that were watched from then on."""
    passed: str | None = None
    """The bound that the new version passed."""
    figures: JsonObject | None = None
    """What a guard decided on: the runs of the versions."""


@dataclass(frozen=True)
class PublishedAgent:
    """What a reference means right now: one version, and the plan it runs."""

    agent_id: UUID
    version_id: UUID
    name: str
    version: str
    digest: str
    plan: Plan
    notice: Notice | None = None
    """What callers should know: it is deprecated or yanked."""
