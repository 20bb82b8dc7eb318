"""Runs, their events and checkpoints, and the functions that write them under their fence in one statement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard, readable_by, speaking_for

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("runs", "run_events", "run_checkpoints", "run_checkpoint_blobs", "run_checkpoint_writes")


def upgrade() -> None:
    make_runs()
    make_events()
    make_checkpoints()
    for table in TABLES:
        for statement in guard(table):
            op.execute(statement)
    op.execute(readable_by("runs", "reconcile", speaking_for("reconcile")))
    # A run that has ended, and an event that was recorded, never change.
    op.execute(
        "CREATE TRIGGER runs_final BEFORE UPDATE ON runs FOR EACH ROW "
        "WHEN (OLD.status IN ('succeeded', 'failed', 'cancelled')) EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE ON run_events FROM {APP_ROLE}")
    for function in (SPEAK_FOR, OPEN_RUN, ADD_EVENTS, APPEND, FINISH, PUT_CHECKPOINT, PUT_WRITES):
        op.execute(function)


def downgrade() -> None:
    for name in (
        "put_run_writes",
        "put_run_checkpoint",
        "finish_run",
        "append_run_events",
        "add_run_events",
        "open_run",
        "speak_for",
    ):
        op.execute(f"DROP FUNCTION {name}")
    for table in reversed(TABLES):
        op.drop_table(table)


def make_runs() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("outputs", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("usage", sa.JSON(), nullable=False, server_default='{"input_tokens":0,"output_tokens":0}'),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", moment, nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("request_hash", sa.Text(), nullable=True),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        *constraints_of_runs(),
    )
    op.create_index("ix_runs_org_id_project_id_id", "runs", ["org_id", "project_id", "id"])
    op.create_index(
        "ix_runs_open", "runs", ["org_id", "id"], postgresql_where=sa.text("status IN ('queued', 'running')")
    )


def constraints_of_runs() -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_runs_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_runs_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "version_id"],
            ["agent_versions.org_id", "agent_versions.id"],
            name="fk_runs_org_id_version_id_agent_versions",
        ),
        sa.UniqueConstraint("org_id", "id", name="uq_runs_org_id_id"),
        sa.UniqueConstraint(
            "org_id", "project_id", "idempotency_key", name="uq_runs_org_id_project_id_idempotency_key"
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name=op.f("ck_runs_status")
        ),
        sa.CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name=op.f("ck_runs_lease")),
        sa.CheckConstraint("(status IN ('queued', 'running')) = (finished_at IS NULL)", name=op.f("ck_runs_finished")),
    ]


def of_run(table: str, key: tuple[sa.Column, ...], *columns: sa.Column) -> None:
    """A table whose rows belong to a run and are found by it."""
    op.create_table(
        table,
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        *key,
        *columns,
        sa.PrimaryKeyConstraint("org_id", "run_id", *(column.name for column in key), name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["org_id", "run_id"], ["runs.org_id", "runs.id"], name=f"fk_{table}_org_id_run_id_runs", ondelete="CASCADE"
        ),
    )


def text_column(name: str, *, nullable: bool = False, by_bytes: bool = False) -> sa.Column:
    """A column of text; `by_bytes` for one that is sorted, whatever the database's language."""
    return sa.Column(name, sa.Text(collation="C") if by_bytes else sa.Text(), nullable=nullable)


def make_events() -> None:
    of_run(
        "run_events",
        (sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        text_column("type"),
        text_column("node", nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
    )


def make_checkpoints() -> None:
    of_run(
        "run_checkpoints",
        (text_column("ns"), text_column("checkpoint_id", by_bytes=True)),
        text_column("parent_id", nullable=True),
        sa.Column("checkpoint", sa.LargeBinary(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
    )
    of_run(
        "run_checkpoint_blobs",
        (text_column("ns"), text_column("channel"), text_column("version", by_bytes=True)),
        text_column("type"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
    of_run(
        "run_checkpoint_writes",
        (
            text_column("ns"),
            text_column("checkpoint_id", by_bytes=True),
            text_column("task_id"),
            sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        ),
        text_column("task_path"),
        text_column("channel"),
        text_column("type"),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )


# The functions below are one run's whole transactions: called on their own, each is one round trip and one commit.
# Every one of them first speaks for the organization it is given (for this transaction only), so that row-level
# security holds inside. They run with the rights of the caller, and answer 0 when the caller's fence is not the run's
# any more (then nothing was written), 2 when the run is asked to stop, else 1.

SPEAK_FOR = """
CREATE FUNCTION speak_for(p_org uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('app.org_id', p_org::text, true), set_config('app.purpose', '', true);
END $$
"""

# Makes a run, held by `p_worker` from the start or queued without one. Answers with a stamp that changes with any of
# the project's models; NULL if another run has the idempotency key; '' if the reference means that version no more.
OPEN_RUN = """
CREATE FUNCTION open_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json
) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM speak_for(p_org);
  IF NOT EXISTS (
    SELECT FROM agent_versions v WHERE v.org_id = p_org AND v.id = p_version_id AND (p_alias IS NULL OR EXISTS (
      SELECT FROM agent_aliases a WHERE a.org_id = p_org AND a.agent_id = v.agent_id AND a.alias = p_alias
      AND a.version_id = v.id
    ))
  ) THEN RETURN ''; END IF;
  INSERT INTO runs (
    id, org_id, project_id, agent, version_id, version, digest, inputs, metadata, idempotency_key, request_hash,
    created_at, status, worker, attempt, fence, lease_until, started_at
  ) VALUES (
    p_run, p_org, p_project, p_agent, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash, p_at,
    CASE WHEN p_worker IS NULL THEN 'queued' ELSE 'running' END, p_worker,
    CASE WHEN p_worker IS NULL THEN 0 ELSE 1 END, CASE WHEN p_worker IS NULL THEN 0 ELSE 1 END,
    CASE WHEN p_worker IS NULL THEN NULL ELSE now() + p_lease END, CASE WHEN p_worker IS NULL THEN NULL ELSE p_at END
  ) ON CONFLICT (org_id, project_id, idempotency_key) DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  IF p_worker IS NOT NULL THEN
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, data)
    VALUES (p_org, p_run, 1, 1, p_at, 'run.started', p_started);
  END IF;
  RETURN (
    SELECT md5(coalesce(string_agg(concat_ws(' ', m.name, m.digest, m.updated_at), ',' ORDER BY m.name), ''))
    FROM models m WHERE m.org_id = p_org AND m.project_id = p_project
  );
END $$
"""

# Doing it twice changes nothing: who repeats a call after a lost answer repeats the same numbers.
ADD_EVENTS = """
CREATE FUNCTION add_run_events(
  p_org uuid, p_run uuid, p_attempt int, p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF cardinality(p_type) > 0 THEN
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, node, data)
    SELECT p_org, p_run, p_first + e.n - 1, p_attempt, e.at, e.type, e.node, e.data::json
    FROM unnest(p_at, p_type, p_node, p_data) WITH ORDINALITY AS e(at, type, node, data, n)
    ON CONFLICT DO NOTHING;
  END IF;
END $$
"""

# The share lock keeps a claim, which raises the fence, waiting until what is written here is committed.
APPEND = """
CREATE FUNCTION append_run_events(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE held record;
BEGIN
  PERFORM speak_for(p_org);
  SELECT attempt, cancel_requested INTO held FROM runs
  WHERE org_id = p_org AND id = p_run AND fence = p_fence AND status = 'running' FOR SHARE;
  IF NOT FOUND THEN RETURN 0; END IF;
  PERFORM add_run_events(p_org, p_run, held.attempt, p_first, p_at, p_type, p_node, p_data);
  RETURN CASE WHEN held.cancel_requested THEN 2 ELSE 1 END;
END $$
"""

FINISH = """
CREATE FUNCTION finish_run(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_status text, p_outputs json, p_error json, p_usage json
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE held record;
BEGIN
  PERFORM speak_for(p_org);
  UPDATE runs SET status = p_status, outputs = p_outputs, error = p_error, usage = p_usage,
    finished_at = clock_timestamp(), lease_until = NULL, worker = NULL
  WHERE org_id = p_org AND id = p_run AND fence = p_fence AND status = 'running' RETURNING attempt INTO held;
  IF NOT FOUND THEN RETURN 0; END IF;
  PERFORM add_run_events(p_org, p_run, held.attempt, p_first, p_at, p_type, p_node, p_data);
  RETURN 1;
END $$
"""

PUT_CHECKPOINT = """
CREATE FUNCTION put_run_checkpoint(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_ns text, p_checkpoint_id text, p_parent_id text, p_checkpoint bytea, p_metadata bytea,
  p_channels text[], p_versions text[], p_types text[], p_blobs bytea[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE verdict int;
BEGIN
  verdict := append_run_events(p_org, p_run, p_fence, p_first, p_at, p_type, p_node, p_data);
  IF verdict = 0 THEN RETURN 0; END IF;
  INSERT INTO run_checkpoint_blobs (org_id, run_id, ns, channel, version, type, data)
  SELECT p_org, p_run, p_ns, b.channel, b.version, b.type, b.data
  FROM unnest(p_channels, p_versions, p_types, p_blobs) AS b(channel, version, type, data)
  ON CONFLICT DO NOTHING;
  INSERT INTO run_checkpoints (org_id, run_id, ns, checkpoint_id, parent_id, checkpoint, metadata)
  VALUES (p_org, p_run, p_ns, p_checkpoint_id, p_parent_id, p_checkpoint, p_metadata)
  ON CONFLICT (org_id, run_id, ns, checkpoint_id)
  DO UPDATE SET checkpoint = excluded.checkpoint, metadata = excluded.metadata;
  RETURN verdict;
END $$
"""

# A write below 0 (an error, an interrupt) replaces the one before it; the others stay as they were first.
PUT_WRITES = """
CREATE FUNCTION put_run_writes(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_ns text, p_checkpoint_id text, p_task_id text, p_task_path text,
  p_indexes int[], p_channels text[], p_types text[], p_values bytea[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE verdict int;
BEGIN
  verdict := append_run_events(p_org, p_run, p_fence, p_first, p_at, p_type, p_node, p_data);
  IF verdict = 0 THEN RETURN 0; END IF;
  INSERT INTO run_checkpoint_writes AS kept
    (org_id, run_id, ns, checkpoint_id, task_id, idx, task_path, channel, type, data)
  SELECT p_org, p_run, p_ns, p_checkpoint_id, p_task_id, w.idx, p_task_path, w.channel, w.type, w.data
  FROM unnest(p_indexes, p_channels, p_types, p_values) AS w(idx, channel, type, data)
  ON CONFLICT (org_id, run_id, ns, checkpoint_id, task_id, idx)
  DO UPDATE SET channel = excluded.channel, type = excluded.type, data = excluded.data WHERE kept.idx < 0;
  RETURN verdict;
END $$
"""
