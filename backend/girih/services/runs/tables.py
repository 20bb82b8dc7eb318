"""Runs, the events they record, the checkpoints they can be resumed from, and what they wait for."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, ProjectOwned, project_key
from girih.services.agents.tables import AgentVersion
from girih.services.runs.thread_tables import Thread

OVER = "('succeeded', 'failed', 'cancelled', 'expired')"
"""The states a run never leaves, as SQL."""

_TO_REMOVE = "on_completion = 'delete' AND finished_at IS NOT NULL"
_ON_THREAD = "thread_id IS NOT NULL AND finished_at IS NULL"


class Run(ProjectOwned, Base):
    """One execution of an agent's version.

    `fence` counts who holds the run: each claim raises it, and nothing is written for the run with an older one.
    JSON columns are `json`, not `jsonb`: they give back exactly what was sent, also text that `jsonb` refuses.
    """

    __tablename__ = "runs"
    __table_args__ = (
        project_key(),
        ForeignKeyConstraint(["org_id", "version_id"], [AgentVersion.org_id, AgentVersion.id]),
        ForeignKeyConstraint(["org_id", "thread_id"], [Thread.org_id, Thread.id], ondelete="CASCADE"),
        UniqueConstraint("org_id", "thread_id", "thread_seq"),
        CheckConstraint("(thread_id IS NULL) = (thread_seq IS NULL)", name="thread"),
        Index("ix_runs_thread_open", "org_id", "thread_id", "thread_seq", postgresql_where=text(_ON_THREAD)),
        Index(
            "ix_runs_thread_held",
            "org_id",
            "thread_id",
            unique=True,
            postgresql_where=text(f"{_ON_THREAD} AND attempt > 0"),
        ),
        UniqueConstraint("org_id", "id"),
        UniqueConstraint("org_id", "project_id", "idempotency_key"),
        CheckConstraint(f"status IN ('queued', 'running', 'interrupted') OR status IN {OVER}", name="status"),
        CheckConstraint("on_completion IN ('keep', 'delete')", name="on_completion"),
        CheckConstraint("max_steps > 0", name="max_steps"),
        Index("ix_runs_to_remove", "finished_at", postgresql_where=text(_TO_REMOVE)),
        CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint(f"(status IN {OVER}) = (finished_at IS NOT NULL)", name="finished"),
        Index(None, "org_id", "project_id", "id"),
        Index("ix_runs_ended", "org_id", "project_id", "finished_at", postgresql_where=text("finished_at IS NOT NULL")),
        Index(
            "ix_runs_of_version",
            "org_id",
            "version_id",
            "finished_at",
            postgresql_where=text("finished_at IS NOT NULL"),
        ),
        Index("ix_runs_queued", "org_id", "id", postgresql_where=text("status = 'queued'")),
        Index("ix_runs_open", "org_id", "id", postgresql_where=text("status IN ('queued', 'running')")),
        Index("ix_runs_unfinished", "org_id", "version_id", postgresql_where=text("finished_at IS NULL")),
        Index(
            "ix_runs_expiring",
            "org_id",
            "expires_at",
            postgresql_where=text("expires_at IS NOT NULL AND status IN ('queued', 'interrupted')"),
        ),
    )

    agent: Mapped[str] = mapped_column(Text)
    version_id: Mapped[UUID] = mapped_column(Uuid)
    version: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    inputs: Mapped[dict[str, Any]] = mapped_column(JSON)
    chat: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    """The messages it was given, with images, and what the app has for its models: large, so read on demand."""
    outputs: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    usage: Mapped[dict[str, Any]] = mapped_column(JSON, server_default='{"input_tokens":0,"output_tokens":0}')
    run_metadata: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    attempt: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    crashes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How many processes vanished while they held the run."""
    fence: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(Text)
    """The process that holds the run; empty once it gave the run back in good order."""
    cancel_requested: Mapped[bool] = mapped_column(server_default=text("false"))
    background: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether the run is for workers: an API process takes it only when none of them did for a while."""
    end_user: Mapped[str | None] = mapped_column(Text)
    """Whom the app runs it for, as the app names its users."""
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    actor: Mapped[str] = mapped_column(Text, server_default="system")
    """Who asked for it: `key:` and the key's id."""
    traceparent: Mapped[str | None] = mapped_column(Text)
    """The W3C trace context of the request that asked for it."""
    expires_at: Mapped[datetime | None]
    """When nobody wants the run any more: it then ends unless somebody works on it."""
    thread_id: Mapped[UUID | None] = mapped_column(Uuid)
    thread_seq: Mapped[int | None] = mapped_column(BigInteger)
    """Its place in the thread's line: it begins when all before it have ended."""
    keeps_state: Mapped[bool | None]
    """Whether its thread keeps what it did, once a newer run took its place; `None` while none did."""
    source_run_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The run it continues: it began with a checkpoint of that one."""
    source_checkpoint: Mapped[str | None] = mapped_column(Text)
    interruptions: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    """How often it began to wait."""
    idempotency_key: Mapped[str | None] = mapped_column(Text)
    request_hash: Mapped[str | None] = mapped_column(Text)
    not_before: Mapped[datetime | None]
    """When it may begin."""
    breakpoints: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """`before` and `after`: the nodes where it waits until somebody lets it go on."""
    webhook: Mapped[str | None] = mapped_column(Text)
    on_completion: Mapped[str] = mapped_column(Text, server_default="keep")
    max_steps: Mapped[int | None] = mapped_column(Integer)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class OfRun(Base):
    """A row that belongs to a run; its key begins with the organization and the run."""

    __abstract__ = True

    org_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    run_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)


def run_key() -> ForeignKeyConstraint:
    """The foreign key of a row of a run."""
    return ForeignKeyConstraint(["org_id", "run_id"], ["runs.org_id", "runs.id"], ondelete="CASCADE")


class RunEvent(OfRun):
    """One event of a run's feed. Appended by the holder of the run's fence, never changed."""

    __tablename__ = "run_events"
    __table_args__ = (run_key(),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    attempt: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    type: Mapped[str] = mapped_column(Text)
    node: Mapped[str | None] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class RunCheckpoint(OfRun):
    """A state the run can be resumed from. `ns` is the graph's place in the run, empty for its own graph."""

    __tablename__ = "run_checkpoints"
    __table_args__ = (run_key(),)

    ns: Mapped[str] = mapped_column(Text, primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(Text)
    checkpoint: Mapped[bytes]
    metadata_: Mapped[bytes] = mapped_column("metadata")


class RunCheckpointBlob(OfRun):
    """The value of one channel at one version, shared by all checkpoints that name it."""

    __tablename__ = "run_checkpoint_blobs"
    __table_args__ = (run_key(),)

    ns: Mapped[str] = mapped_column(Text, primary_key=True)
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    data: Mapped[bytes]


class RunCheckpointWrite(OfRun):
    """What a finished task wrote on top of a checkpoint, kept until the next checkpoint contains it."""

    __tablename__ = "run_checkpoint_writes"
    __table_args__ = (run_key(),)

    ns: Mapped[str] = mapped_column(Text, primary_key=True)
    checkpoint_id: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    task_id: Mapped[str] = mapped_column(Text, primary_key=True)
    idx: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    task_path: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(Text)
    data: Mapped[bytes]


class RunRecord(OfRun):
    """A result that a node recorded while it was running, so that it need not be got again."""

    __tablename__ = "run_records"
    __table_args__ = (run_key(),)

    ns: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    data: Mapped[bytes]


_OPEN = "state = 'open'"
_TO_REMIND_OF = f"{_OPEN} AND expires_at IS NOT NULL AND reminded_at IS NULL AND kind IN ('ask', 'approve')"


class RunPause(ProjectOwned, Base):
    """One thing a run waits for. Its id is the same whenever the run comes back to the same place.

    `attempt` is the last one that was interrupted by it, `event` and `match` are what a wait for an event looks for.
    """

    __tablename__ = "run_pauses"
    __table_args__ = (
        project_key(),
        run_key(),
        CheckConstraint("kind IN ('ask', 'approve', 'timer', 'event', 'tool', 'breakpoint')", name="kind"),
        CheckConstraint("state IN ('open', 'answered', 'timed_out', 'dropped')", name="state"),
        CheckConstraint("(state = 'answered') = (answered_at IS NOT NULL)", name="answered"),
        Index(None, "org_id", "run_id"),
        Index("ix_run_pauses_open", "org_id", "project_id", "opened_at", "id", postgresql_where=text(_OPEN)),
        Index(
            "ix_run_pauses_due", "org_id", "expires_at", postgresql_where=text(f"{_OPEN} AND expires_at IS NOT NULL")
        ),
        Index("ix_run_pauses_remind", "org_id", "expires_at", postgresql_where=text(_TO_REMIND_OF)),
        Index(
            "ix_run_pauses_event", "org_id", "project_id", "event", postgresql_where=text(f"{_OPEN} AND kind = 'event'")
        ),
    )

    run_id: Mapped[UUID] = mapped_column(Uuid)
    agent: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    node: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    schema: Mapped[dict[str, Any]] = mapped_column(JSON)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    event: Mapped[str | None] = mapped_column(Text)
    match: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    attempt: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(Text, server_default="open")
    answer: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    answered_by: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None]
    event_id: Mapped[UUID | None] = mapped_column(Uuid)
    """The domain event that answered it."""
    reminded_at: Mapped[datetime | None]
