"""What doors see of schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import Printable, RunIn

Overlap = Literal["skip", "allow"]
"""What to do at a moment when the run of an earlier one has not ended."""

CatchUp = Literal["none", "last", "all"]
"""Which moments to make up for when no server was there: none of them, the last one, or all (at most 100)."""

Cron = Annotated[str, Field(min_length=9, max_length=200)]
Zone = Annotated[str, Field(min_length=1, max_length=80)]
Name = Annotated[Printable, Field(min_length=1, max_length=200)]


class ScheduleIn(BaseModel):
    """What to run, and when. `cron` has five fields; `timezone` is a name of the tz database."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    cron: Cron
    timezone: Zone = "UTC"
    run: RunIn
    """The run as it is asked for each time; with a `thread_id`, `multitask` says what to do where one is on it."""
    overlap: Overlap = "skip"
    catch_up: CatchUp = "last"
    enabled: bool = True
    end_at: AwareDatetime | None = None
    """No run is started after that."""
    new_threads: bool = False
    """Give each run a thread of its own, which stays when the run has ended."""
    metadata: JsonObject = Field(default_factory=dict)
    """The caller's own data, to find the schedule by."""

    @model_validator(mode="after")
    def _one_kind_of_thread(self) -> ScheduleIn:
        if self.new_threads and self.run.thread_id is not None:
            raise ValueError("the runs have either threads of their own, or the one that `run` names")
        return self


class ScheduleChange(BaseModel):
    """What to change; what is not given stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    cron: Cron | None = None
    timezone: Zone | None = None
    run: RunIn | None = None
    overlap: Overlap | None = None
    catch_up: CatchUp | None = None
    end_at: AwareDatetime | None = None
    """`null` lets the schedule go on for ever."""
    new_threads: bool | None = None
    metadata: JsonObject | None = None


class ScheduleOut(BaseModel):
    """A schedule as it stands; `next_at` is its next moment, `None` while it is paused and when it has ended."""

    id: str
    name: str
    cron: str
    timezone: str
    run: RunIn
    overlap: Overlap
    catch_up: CatchUp
    enabled: bool
    next_at: datetime | None = None
    end_at: datetime | None = None
    new_threads: bool = False
    metadata: JsonObject = {}
    created_at: datetime
    updated_at: datetime
    created_by: str


class SchedulePage(BaseModel):
    """Schedules, the newest first; `next` is the cursor of the next page, `None` on the last one."""

    items: list[ScheduleOut]
    next: str | None = None


class FiringOut(BaseModel):
    """What became of one moment: a run was started, it was skipped because one was under way, or it failed."""

    due_at: datetime
    outcome: Literal["pending", "started", "skipped", "failed"]
    manual: bool
    run_id: str | None = None
    error: str | None = None
    fired_at: datetime


class FiringList(BaseModel):
    """The newest moments of a schedule, the newest first."""

    items: list[FiringOut]
