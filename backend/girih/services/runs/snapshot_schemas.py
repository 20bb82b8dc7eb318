"""A thread at one moment: between two runs, or in the middle of one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from girih.language.spec.tree import JsonObject
from girih.services.runs.schemas import InterruptOut

Source = Literal["input", "loop", "update", "fork"]
"""What made it: a run that began, a run that went on, an edit, or going back to an earlier one."""


class SnapshotTask(BaseModel):
    """A node that comes next, what it waits for, and the failure of the run that stopped at it.

    `inner` is where the graph that it runs stands, if that was asked for.
    """

    node: str
    error: str | None = None
    pauses: list[InterruptOut] = []
    inner: InnerSnapshot | None = None


class InnerSnapshot(BaseModel):
    """Where a graph inside of a run stands; `id` and `created_at` are those of its last checkpoint, if it has one."""

    id: str | None = None
    state: JsonObject = {}
    tasks: list[SnapshotTask] = []
    created_at: datetime | None = None


class Snapshot(BaseModel):
    """What a thread holds at one moment.

    `id` is the id of a state of the thread, or, where `is_within_run`, of a checkpoint of the run `run_id`; where a run
    begins (`is_beginning`), it is the run's own, and before the first run the thread's. It is `None` for a thread that
    has held nothing yet. All are found by their ids alone. `outputs` are those of the last run that ended before it.
    """

    id: str | None = None
    parent_id: str | None = None
    thread_id: UUID
    source: Source | None = None
    is_within_run: bool = False
    is_beginning: bool = False
    is_newest: bool = False
    run_id: UUID | None = None
    agent: str | None = None
    state: JsonObject = {}
    outputs: JsonObject | None = None
    tasks: list[SnapshotTask] = []
    created_at: datetime | None = None
