"""What doors see of threads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from girih.language.spec.durations import LONGEST_DURATION
from girih.language.spec.tree import JsonObject

ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
"""`busy`: a run is under way, in line, or waits for a time or an event. `interrupted`: its run waits for somebody.
`error`: its last run failed."""

StateSource = Literal["run", "update", "fork", "copy"]
Seconds = Annotated[float | None, Field(gt=0, le=LONGEST_DURATION)]


class ThreadIn(BaseModel):
    """A new thread. `ttl`: seconds after its last use at which it is deleted, with its runs."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    """Its id, where the app chooses it."""
    if_exists: Literal["raise", "do_nothing"] = "raise"
    """What to do where there is one of that id: answer 409, or give that one as it stands."""
    metadata: JsonObject = Field(default_factory=dict)
    ttl: Seconds = None
    state: JsonObject = Field(default_factory=dict)
    """What `state:` holds at its first run, where that is not the default."""
    agent: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    """The agent whose `state:` the given state has to fit."""


class ThreadChange(BaseModel):
    """What to change; what is not given stays. `metadata` replaces the whole, `ttl: null` lets the thread live on."""

    model_config = ConfigDict(extra="forbid")

    metadata: JsonObject | None = None
    merge: bool = False
    """Keep the metadata that is not named."""
    ttl: Seconds = None


class ThreadOut(BaseModel):
    """A thread as it stands. `version` counts the states it has been in."""

    id: str
    status: ThreadStatus
    agent: str | None = None
    metadata: JsonObject
    version: int
    state_id: str | None = None
    ttl: float | None = None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None


class ThreadPage(BaseModel):
    """Threads, the newest first; `next` is the cursor of the next page, `None` on the last one."""

    items: list[ThreadOut]
    next: str | None = None


class StateOut(BaseModel):
    """One state of a thread, and where it came from: a `run`, an `update` by hand, a `fork` or a `copy`."""

    id: str | None = None
    parent_id: str | None = None
    run_id: str | None = None
    source: StateSource | None = None
    state: JsonObject
    created_at: datetime | None = None


class StatePage(BaseModel):
    """States, the newest first."""

    items: list[StateOut]
    next: str | None = None


class StateIn(BaseModel):
    """Values to set, by name; names that are not given keep theirs, unless `replace` is set."""

    model_config = ConfigDict(extra="forbid")

    state: JsonObject
    agent: Annotated[str | None, Field(min_length=1, max_length=300)] = None
    """The agent whose `state:` they have to fit; without it, the one that ran on the thread last."""
    replace: bool = False
    merge: bool = False
    """Write the values as a node would: by each one's `merge:` rule, messages by their ids."""
    state_id: UUID | None = None
    """The earlier state to begin with, instead of the newest: the thread goes back to it."""
    version: Annotated[int | None, Field(ge=0)] = None
    """The thread's version the change was made for: with another one the answer is 409."""

    @model_validator(mode="after")
    def _one_way(self) -> StateIn:
        if self.replace and self.merge:
            raise ValueError("values either replace the whole state or are merged into it, not both")
        return self


@dataclass(frozen=True)
class Onto:
    """A moment of any kind that a thread goes back to, and the run whose outputs were the last ones then."""

    moment: UUID
    run_id: UUID | None


class ForkIn(BaseModel):
    """Where the new thread begins: at a state of this one, or at a checkpoint of a run."""

    model_config = ConfigDict(extra="forbid")

    state_id: UUID | None = None
    run_id: UUID | None = None
    checkpoint_id: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    metadata: JsonObject | None = None
    """Of the new thread; without it, this one's."""

    @model_validator(mode="after")
    def _one_place(self) -> ForkIn:
        if self.state_id is not None and (self.run_id is not None or self.checkpoint_id is not None):
            raise ValueError("give a state_id, or a run_id with a checkpoint_id, not both")
        if (self.run_id is None) != (self.checkpoint_id is None):
            raise ValueError("a checkpoint is named by a run_id and a checkpoint_id")
        return self


class CopyIn(BaseModel):
    """How the copy differs: its metadata, if given."""

    model_config = ConfigDict(extra="forbid")

    metadata: JsonObject | None = None
