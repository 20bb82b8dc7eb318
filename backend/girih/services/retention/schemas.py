"""What doors see of retention, and the days it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]
"""Days after an end; 0 is for ever."""


@dataclass(frozen=True)
class Retention:
    """How many days each thing is kept after its end; 0 is for ever."""

    runs_days: float = 0
    run_events_days: float = 90
    checkpoints_days: float = 30
    domain_events_days: float = 90
    schedule_history_days: float = 90
    versions_days: float = 0
    yanked_days: float = 90


KINDS = tuple(Retention.__dataclass_fields__)
"""The names of all that has a time, as settings, columns and doors have them."""


class RetentionIn(BaseModel):
    """A project's own days for each thing, 0 for ever; what is `null` or left out is as the installation has it."""

    model_config = ConfigDict(extra="forbid")

    runs_days: Days | None = None
    """Runs that have ended, with everything of them."""
    run_events_days: Days | None = None
    """The events of runs that have ended, and so their traces; the last event of each stays with the run."""
    checkpoints_days: Days | None = None
    """What runs that have ended can be retried and continued from."""
    domain_events_days: Days | None = None
    """What was published with `emit:` or over the API."""
    schedule_history_days: Days | None = None
    """What became of the moments of schedules."""
    versions_days: Days | None = None
    """Plans and texts of agents' versions that nothing refers to, since the last alias left them."""
    yanked_days: Days | None = None
    """The same of yanked versions, since they were yanked."""


class RetentionDays(BaseModel):
    """Days for each thing, 0 for ever."""

    runs_days: float
    run_events_days: float
    checkpoints_days: float
    domain_events_days: float
    schedule_history_days: float
    versions_days: float
    yanked_days: float


class RetentionOut(BaseModel):
    """What holds for a project, what of that it has set itself, and when it was last seen to."""

    effective: RetentionDays
    own: RetentionIn
    swept_at: datetime | None = None


def cutoff(days: float, now: datetime) -> datetime | None:
    """What ended before is not kept any more; `None` for ever."""
    return now - timedelta(days=days) if days else None
