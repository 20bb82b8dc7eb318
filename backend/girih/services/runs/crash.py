"""The points of a run at which a test may end the process."""

from __future__ import annotations

from typing import Literal, TypeAlias

from girih.db.crash import CrashPoints as AnyCrashPoints

Point = Literal[
    "run.created",
    "run.found",
    "run.claimed",
    "events.before",
    "events.after",
    "checkpoint.before",
    "checkpoint.after",
    "checkpoint.put_off",
    "checkpoint.caught_up",
    "writes.before",
    "writes.after",
    "record.before",
    "record.after",
    "interrupt.before",
    "interrupt.after",
    "answer.after",
    "finish.before",
    "finish.after",
]

CrashPoints: TypeAlias = AnyCrashPoints[Point]
