"""How far an ingestion is, when it will be done, and what it waits for: in words and numbers, from its row."""

from __future__ import annotations

from datetime import datetime, timedelta

from girih.services.knowledge.tables import IngestJob

LONG_WAIT = timedelta(minutes=5)
"""A job that could have been taken for so long is stuck."""
MANY_ATTEMPTS = 2
"""Jobs that were tried so often without getting through their stage are stuck."""

MOST_BEFORE = 1000
"""So many jobs that go first are counted, and no more."""

_NOUNS = {"parse": "read", "chunk": "cut", "embed": "embedded", "store": "stored"}
_ORDINALS = ("first", "second", "third")


def eta_seconds(job: IngestJob, now: datetime) -> float | None:
    """How many seconds embedding will take at its present speed; `None` where nothing can be said."""
    fresh = job.done - job.reused
    if job.status != "running" or job.stage != "embed" or job.stage_began is None or fresh <= 0:
        return None
    return round((now - job.stage_began).total_seconds() / fresh * (job.total - job.done), 1)


def waits_for(job: IngestJob, now: datetime, before: int) -> str | None:
    """What has to happen next, in a sentence; `before` is how many jobs of the project go first."""
    if job.status == "running":
        return _held(job, now)
    if job.status != "queued":
        return None
    doing = _NOUNS.get(job.stage, job.stage)
    if job.not_before is not None and job.not_before > now:
        last = f"; the last attempt: {job.reason}" if job.reason else ""
        return f"it is tried again at {job.not_before:%H:%M:%S} UTC, for the {_ordinal(job.attempts + 1)} time{last}"
    if before:
        some = f"at least {MOST_BEFORE}" if before >= MOST_BEFORE else before
        jobs = "one job of this project is" if before == 1 else f"{some} jobs of this project are"
        return f"it waits to be {doing}; {jobs} before it"
    waiting = now - job.updated_at
    if waiting >= LONG_WAIT:
        minutes = int(waiting.total_seconds() // 60)
        return f"no worker has taken it for {minutes} minutes: see that a worker with the role `ingestion` runs"
    return f"it waits for a worker, to be {doing}"


def _held(job: IngestJob, now: datetime) -> str:
    doing = _NOUNS.get(job.stage, job.stage)
    if job.lease_until is not None and job.lease_until < now:
        return f"its worker has not been heard of since it was to be {doing}; another worker takes it over in seconds"
    again = f", for the {_ordinal(job.attempts)} time" if job.attempts > 1 else ""
    return f"it is being {doing}{again}"


def _ordinal(number: int) -> str:
    return _ORDINALS[number - 1] if 0 < number <= len(_ORDINALS) else f"{number}th"
