"""What doors see of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.tree import JsonObject

RunStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]

ENDED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})
"""The states a run never leaves."""


class RunIn(BaseModel):
    """What to run, and on what."""

    model_config = ConfigDict(extra="forbid")

    agent: Annotated[str, Field(min_length=1, max_length=300)]
    """`name`, `name@alias`, `name@1.2.0` or `name@sha256:…`."""
    inputs: JsonObject = Field(default_factory=dict)
    metadata: JsonObject = Field(default_factory=dict)
    """The caller's own data, given back as it is."""
    background: bool = False
    """Leave the run to a worker, and do not begin it in the process that was asked."""


class RunUsage(BaseModel):
    """Tokens of all model calls of the run, over all attempts."""

    input_tokens: int = 0
    output_tokens: int = 0


class RunOut(BaseModel):
    """A run as it stands. `version` is the published version's number, `digest` its plan's."""

    id: str
    agent: str
    version: str
    digest: str
    status: RunStatus
    inputs: JsonObject
    outputs: JsonObject | None = None
    error: JsonObject | None = None
    """`kind`, `message`, `node` and `help` of what made the run fail."""
    usage: RunUsage = RunUsage()
    metadata: JsonObject = Field(default_factory=dict)
    background: bool = False
    attempt: int = 0
    """How many times the run was taken up; above 1 after a crash or a hand-over."""
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class RunPage(BaseModel):
    """Runs, the newest first; `next` is the cursor of the next page, `None` on the last one."""

    items: list[RunOut]
    next: str | None = None
