"""What doors see of aliases: where each leads, what is watched, and what waits for a second person."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Action = Literal["set", "split", "remove"]
Weights = Annotated[dict[str, Annotated[int, Field(ge=1, le=99)]], Field(min_length=2, max_length=10)]
"""Percent by version; 100 together."""
Comment = Annotated[str, Field(min_length=1, max_length=1000)]

MOST_RUNS = 10_000
"""So many of a version's newest runs are measured, and no more."""


class Guard(BaseModel):
    """What a new version may not pass, on its runs that ended since it was given traffic.

    Where it passes one, the alias goes back to the version before. `above` and `ratio` compare it with that version;
    they say nothing while that one has too few runs. Runs that waited for somebody do not count for the time.
    """

    model_config = ConfigDict(extra="forbid")

    error_rate: Annotated[
        float | None, Field(ge=0, lt=1, description="The most of its runs that may fail, 0 to 1.")
    ] = None
    error_rate_above: Annotated[
        float | None, Field(ge=0, lt=1, description="By how much its share of failures may exceed the old version's.")
    ] = None
    p95_seconds: Annotated[
        float | None, Field(gt=0, le=86_400, description="How long 95 of 100 runs that end well may take at most.")
    ] = None
    p95_ratio: Annotated[
        float | None, Field(ge=1, le=100, description="The same as a multiple of what the old version takes.")
    ] = None
    min_runs: Annotated[int, Field(ge=1, le=MOST_RUNS, description="Nothing is judged on fewer runs.")] = 20
    window: Annotated[float, Field(ge=1, le=604_800, description="Seconds back that are looked at.")] = 3600
    promote_after: Annotated[
        int | None,
        Field(ge=1, le=MOST_RUNS, description="So many runs within the bounds, and it has all the traffic for good."),
    ] = None

    @model_validator(mode="after")
    def _says_something(self) -> Guard:
        bounds = (self.error_rate, self.error_rate_above, self.p95_seconds, self.p95_ratio)
        if all(one is None for one in bounds):
            raise ValueError("a guard needs a bound: error_rate, error_rate_above, p95_seconds or p95_ratio")
        if self.promote_after is not None and self.promote_after < self.min_runs:
            raise ValueError("promote_after is at least min_runs")
        return self


class Figures(BaseModel):
    """A version's runs that ended: how many, how many of them failed, and how long 95 of 100 took at most (seconds)."""

    runs: int
    failed: int
    p95_seconds: float | None = None

    @property
    def error_rate(self) -> float:
        """From 0 to 1."""
        return self.failed / self.runs if self.runs else 0.0


class GuardOut(BaseModel):
    """What is watched of an alias: the bounds, since when, and the version to go back to."""

    bounds: Guard
    back_to: str
    since: datetime


class AliasOut(BaseModel):
    """Where an alias leads: the version it points at, and the shares of its traffic where several have one."""

    agent: str
    alias: str
    version: str
    weights: dict[str, int] | None
    """Percent by version; null where all goes to `version`."""
    protected: bool
    guard: GuardOut | None
    moved_at: datetime


class ProtectionOut(BaseModel):
    """An alias whose moves a second person has to agree to; without an agent, of every agent of the project."""

    agent: str | None
    alias: str
    protected_by: str
    since: datetime


class Wanted(BaseModel):
    """A change of an alias, as somebody asks for it."""

    action: Action
    version: str | None = None
    weights: dict[str, int] | None = None
    guard: Guard | None = None


class ProposalOut(Wanted):
    """A move of a protected alias that waits for a second person, or did.

    One that is still open is shown as `expired` when its time is over, and as `stale` when the alias has moved since.
    """

    id: str
    agent: str
    alias: str
    state: Literal["open", "approved", "refused", "withdrawn", "expired", "stale"]
    comment: str | None
    proposed_by: str
    created_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision: str | None
    """What was said with the decision."""
