"""How one process takes part in executing runs: how many, with what patience, and how it hears of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Dispatch
from girih.services.runs.doorbell import Doorbell
from girih.services.runs.options import CheckUrl, unchecked
from girih.services.runs.queue import Limits
from girih.services.runs.reconciler import Timing
from girih.services.runs.watch import Watch

CheckpointsSince: TypeAlias = Callable[[OrgScope], Awaitable[datetime | None]]
"""Tells when a project's runs ended that still have their checkpoints: not before that."""


def unheard(job: str, job_id: str) -> None:
    """Call nobody: workers look for what waits by themselves."""
    del job, job_id


async def all_kept(scope: OrgScope) -> datetime | None:
    """Every run still has its checkpoints."""
    del scope
    return None


@dataclass(frozen=True)
class Conditions:
    """What a process may do.

    `slots` is how many runs it executes at once; what comes above waits as a row, and `dispatch` calls a worker for it.
    It begins runs for workers only after `background_after` seconds. `grace` is how long (in seconds) it lets runs end
    before it hands them on in stopping. `crash_points` is for tests that end the process. A question is reminded of
    once the share `remind_after` of the time for its answer is over. `checkpoints_since` tells which runs of a project
    have lost their checkpoints: those that ended before. `check_url` refuses webhooks.
    A run that is not to be kept is removed `removal_after` seconds after its end.
    """

    slots: int = 64
    grace: float = 20.0
    timing: Timing = field(default_factory=Timing)
    dispatch: Dispatch = unheard
    doorbell: Doorbell | None = None
    background_after: float = 0.0
    limits: Limits = field(default_factory=Limits)
    crash_points: bool = False
    watch: Watch = field(default_factory=Watch)
    check_url: CheckUrl = unchecked
    removal_after: float = 60.0
    remind_after: float = 0.5
    checkpoints_since: CheckpointsSince = all_kept
