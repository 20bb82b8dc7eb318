"""A run that was just asked for, as it is shown before anything has happened, and what tells two requests apart."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from girih.db.base import new_id
from girih.engine.events import NewEvent
from girih.language.spec.tree import JsonObject
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.links import Link
from girih.services.runs.options import Options
from girih.services.runs.schemas import RunIn, RunOut
from girih.services.runs.shown import origin_of


def new_run(
    agent: PublishedAgent,
    inputs: JsonObject,
    body: RunIn,
    link: Link,
    options: Options,
    now: datetime,
    *,
    is_here: bool,
) -> RunOut:
    """The run, as running where it begins at once, else as queued."""
    return RunOut(
        id=str(new_id()),
        agent=agent.name,
        version=agent.version,
        digest=agent.digest,
        status="running" if is_here else "queued",
        inputs=inputs,
        metadata=body.metadata,
        background=body.background,
        user=body.user,
        tags=body.tags,
        thread_id=str(link.thread) if link.thread else None,
        source_run_id=str(link.source) if link.source else None,
        expires_at=now + timedelta(seconds=body.ttl) if body.ttl is not None else None,
        not_before=options.not_before,
        interrupt_before=sorted(options.breakpoints.before),
        interrupt_after=sorted(options.breakpoints.after),
        webhook=origin_of(options.webhook) if options.webhook is not None else None,
        on_completion=options.on_completion,
        max_steps=options.max_steps,
        attempt=1 if is_here else 0,
        created_at=now,
        started_at=now if is_here else None,
        notice=agent.notice,
    )


def beginning(run: RunOut) -> NewEvent:
    """The first event of a run that begins at once."""
    return NewEvent("run.started", started(run.agent, run.version, run.digest, run.inputs), run.created_at)


def started(agent: str, version: str, digest: str, inputs: JsonObject) -> JsonObject:
    """The data of a run's first event."""
    return {"agent": agent, "version": version, "digest": digest, "inputs": inputs}


def hash_of(body: RunIn) -> str:
    """The same for requests for the same run, however it is to be followed, and whether or not defaults are spelt out.

    So it stays the same in a release in which runs have learned something new.
    """
    asked = body.model_dump(mode="json", include=set(RunIn.model_fields), exclude_defaults=True)
    text = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
