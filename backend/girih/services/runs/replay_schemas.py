"""What doors see of running again: from the node that failed, from a checkpoint, many at once."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import MOST_STEPS, Multitask, Printable, RunIn, RunOut


class CheckpointOut(BaseModel):
    """A place a run can be continued from: after it come the nodes under `next`; `state` is the graph's `state:`."""

    id: str
    created_at: str
    next: list[str]
    results: list[str]
    """The nodes whose results it holds."""
    state: JsonObject


class CheckpointList(BaseModel):
    """The run's checkpoints, the newest first."""

    items: list[CheckpointOut]


class RetryIn(BaseModel):
    """How to run again. Without anything: the same version, from the last checkpoint, so from the node that failed.

    Its metadata, tags, user, webhook, `on_completion`, breakpoints (of the same version) and `max_steps` are the run's.
    """

    model_config = ConfigDict(extra="forbid")

    agent: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    """The version to go on with, where it is not the run's own."""
    checkpoint_id: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    """Where to go on from, where it is not the last one."""
    multitask: Multitask = "reject"
    background: bool = False
    max_steps: Annotated[int | None, Field(ge=1, le=MOST_STEPS)] = None
    """See the same option of a run; what the run had before counts as well."""


class RunChange(BaseModel):
    """What to change of what a run is found by; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    metadata: JsonObject | None = None
    tags: Annotated[list[Annotated[Printable, Field(min_length=1, max_length=64)]] | None, Field(max_length=20)] = None


class BatchIn(BaseModel):
    """Runs to start, each accepted or refused on its own."""

    model_config = ConfigDict(extra="forbid")

    runs: Annotated[list[RunIn], Field(min_length=1, max_length=100)]


class Refusal(BaseModel):
    """Why a run was not accepted, and what to do about it."""

    code: str
    message: str
    help: str | None = None


class BatchItem(BaseModel):
    """What became of one of them: a run, or an error."""

    run: RunOut | None = None
    error: Refusal | None = None


class BatchOut(BaseModel):
    """What became of each, in the order they were sent."""

    items: list[BatchItem]
