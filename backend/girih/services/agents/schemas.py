"""What the agent service takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from girih.language.compiler.diff import Verdict
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.services.registry.schemas import Action


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


class ApplyOut(BaseModel):
    """The outcome of an apply: a change per spec, and the compiler's warnings.

    `base` says in one digest what was published in the project before; an apply that names it is refused when that is
    no longer so.
    """

    changes: list[Change]
    diagnostics: list[dict[str, object]]
    base: str


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


class VersionOut(BaseModel):
    """One version of an agent; `number` counts them from 1."""

    version: str
    number: int
    digest: str
    aliases: list[str]
    path: str
    created_by: str
    created_at: datetime


class MoveOut(BaseModel):
    """One move of an alias: the version it was led to, null where it was removed; why, by whom and when."""

    version: str | None
    reason: str
    """`set`, `rolled_back` or `removed`."""
    by: str
    at: datetime


@dataclass(frozen=True)
class PublishedAgent:
    """What a reference means right now: one version, and the plan it runs."""

    agent_id: UUID
    version_id: UUID
    name: str
    version: str
    digest: str
    plan: Plan
