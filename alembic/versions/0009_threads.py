"""Threads: state that runs share, its history, and who may run on a thread; runs made from other runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
EVENTS = "uuid, uuid, bigint, int, timestamptz[], text[], text[], text[]"
RUN = (
    "uuid, uuid, uuid, text, text, uuid, text, text, json, json, text, text, text, interval, timestamptz, json, "
    "boolean, text, text[], timestamptz, text, text"
)
ENDED = "('succeeded', 'failed', 'cancelled', 'expired')"
FIXED = ("id", "org_id", "project_id", "agent", "version_id", "digest", "status", "finished_at", "fence", "attempt",
         "lease_until", "worker", "thread_id")  # fmt: skip
FIXED_JSON = ("inputs", "outputs", "error", "usage")


def upgrade() -> None:
    make_threads()
    make_states()
    change_runs()
    for table in ("threads", "thread_states"):
        for statement in guard(table):
            op.execute(statement)
    op.execute(readable_by("threads", "reconcile", speaking_for("reconcile")))
    for statement in (OPEN_LINKED, FINISH_ON_THREAD):
        op.execute(statement)
    op.execute("DROP TRIGGER runs_final ON runs")
    op.execute(FINAL)


def downgrade() -> None:
    op.execute("DROP TRIGGER runs_final ON runs")
    op.execute(FINAL_BEFORE)
    op.execute(f"DROP FUNCTION finish_run_on_thread({EVENTS}, text, json, json, json, uuid, json)")
    op.execute(f"DROP FUNCTION open_linked_run({RUN}, json)")
    for name in ("runs_thread_held", "runs_thread_open"):
        op.drop_index(f"ix_{name}", "runs")
    for name, kind in (
        ("uq_runs_org_id_thread_id_thread_seq", "unique"),
        ("fk_runs_org_id_thread_id_threads", "foreignkey"),
        (op.f("ck_runs_thread"), "check"),
    ):
        op.drop_constraint(name, "runs", type_=kind)
    for name in ("source_checkpoint", "source_run_id", "keeps_state", "thread_seq", "thread_id"):
        op.drop_column("runs", name)
    op.drop_table("thread_states")
    op.drop_table("threads")


def make_threads() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("metadata", JSONB(), server_default="{}", nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("state_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("runs", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("ttl", sa.Interval(), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("updated_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_threads"),
        sa.UniqueConstraint("org_id", "id", name="uq_threads_org_id_id"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_threads_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_threads_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("(ttl IS NULL) = (expires_at IS NULL)", name=op.f("ck_threads_ttl")),
    )
    op.create_index("ix_threads_org_id_project_id_id", "threads", ["org_id", "project_id", "id"])
    op.create_index(
        "ix_threads_expiring", "threads", ["expires_at"], postgresql_where=sa.text("expires_at IS NOT NULL")
    )


def make_states() -> None:
    op.create_table(
        "thread_states",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "thread_id", "id", name="pk_thread_states"),
        sa.ForeignKeyConstraint(
            ["org_id", "thread_id"],
            ["threads.org_id", "threads.id"],
            name="fk_thread_states_org_id_thread_id_threads",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("source IN ('run', 'update', 'fork', 'copy')", name=op.f("ck_thread_states_source")),
    )


def change_runs() -> None:
    op.add_column("runs", sa.Column("thread_id", sa.Uuid(), nullable=True))
    op.add_column("runs", sa.Column("thread_seq", sa.BigInteger(), nullable=True))
    op.add_column("runs", sa.Column("keeps_state", sa.Boolean(), nullable=True))
    op.add_column("runs", sa.Column("source_run_id", sa.Uuid(), nullable=True))
    op.add_column("runs", sa.Column("source_checkpoint", sa.Text(), nullable=True))
    op.create_foreign_key(
        "fk_runs_org_id_thread_id_threads",
        "runs",
        "threads",
        ["org_id", "thread_id"],
        ["org_id", "id"],
        ondelete="CASCADE",
    )
    op.create_unique_constraint("uq_runs_org_id_thread_id_thread_seq", "runs", ["org_id", "thread_id", "thread_seq"])
    op.create_check_constraint(op.f("ck_runs_thread"), "runs", "(thread_id IS NULL) = (thread_seq IS NULL)")
    on_thread = "thread_id IS NOT NULL AND finished_at IS NULL"
    op.create_index(
        "ix_runs_thread_open", "runs", ["org_id", "thread_id", "thread_seq"], postgresql_where=sa.text(on_thread)
    )
    # A run that has begun and has not ended holds its thread, also while it waits: there is never a second one.
    op.create_index(
        "ix_runs_thread_held",
        "runs",
        ["org_id", "thread_id"],
        unique=True,
        postgresql_where=sa.text(f"{on_thread} AND attempt > 0"),
    )


# What happened stays as it happened. What a run is found by may still change after its end.
FINAL = (
    f"CREATE TRIGGER runs_final BEFORE UPDATE ON runs FOR EACH ROW WHEN (OLD.status IN {ENDED} AND ("
    + " OR ".join(
        [f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in FIXED]
        + [f"OLD.{name}::text IS DISTINCT FROM NEW.{name}::text" for name in FIXED_JSON]
    )
    + ")) EXECUTE FUNCTION refuse_change()"
)
FINAL_BEFORE = (
    f"CREATE TRIGGER runs_final BEFORE UPDATE ON runs FOR EACH ROW WHEN (OLD.status IN {ENDED}) "
    "EXECUTE FUNCTION refuse_change()"
)

# As `open_run`, for a run on a thread or one that continues another run from a checkpoint. `p_link` holds `thread`,
# `multitask`, `source`, `checkpoint` and `blobs` ([[channel, version]] of that checkpoint; without a checkpoint
# everything stored of the source is taken over). The thread is locked first and by everybody who admits, ends or
# changes something on it. Answers, as JSON: `fault` (`thread`, `busy` with `runs`), else `stamp` as `open_run` does,
# `here` (whether the run may begin at once), `state` (the thread's), and `stopped` (runs that were asked to stop).
OPEN_LINKED = """
CREATE FUNCTION open_linked_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean, p_user text, p_tags text[], p_expires timestamptz,
  p_actor text, p_traceparent text, p_link json
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  t threads%ROWTYPE; other record; stamp text; at_once text := p_worker; head json;
  open_runs uuid[]; stopped uuid[] := '{}';
  v_thread uuid := (p_link->>'thread')::uuid; v_how text := p_link->>'multitask';
  v_source uuid := (p_link->>'source')::uuid; v_checkpoint text := p_link->>'checkpoint';
BEGIN
  PERFORM speak_for(p_org);
  IF v_thread IS NOT NULL THEN
    SELECT * INTO t FROM threads WHERE org_id = p_org AND project_id = p_project AND id = v_thread FOR UPDATE;
    IF NOT FOUND THEN RETURN '{"fault": "thread"}'; END IF;
    IF p_key IS NOT NULL AND EXISTS (
      SELECT FROM runs WHERE org_id = p_org AND project_id = p_project AND idempotency_key = p_key
    ) THEN RETURN '{"stamp": null}'; END IF;
    SELECT array_agg(id ORDER BY thread_seq) INTO open_runs FROM runs
    WHERE org_id = p_org AND thread_id = v_thread AND finished_at IS NULL;
    IF open_runs IS NOT NULL AND v_how = 'reject' THEN
      RETURN json_build_object('fault', 'busy', 'runs', to_json(open_runs))::text;
    END IF;
    IF open_runs IS NOT NULL THEN at_once := NULL; END IF;
  END IF;
  stamp := open_run(
    p_org, p_project, p_run, p_agent, p_alias, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash,
    at_once, p_lease, p_at, p_started, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent
  );
  IF stamp IS NULL OR stamp = '' THEN RETURN json_build_object('stamp', stamp)::text; END IF;
  UPDATE runs SET thread_id = v_thread, thread_seq = t.runs + 1, source_run_id = v_source,
    source_checkpoint = v_checkpoint
  WHERE org_id = p_org AND id = p_run AND v_thread IS NOT NULL;
  UPDATE runs SET source_run_id = v_source, source_checkpoint = v_checkpoint
  WHERE org_id = p_org AND id = p_run AND v_thread IS NULL;
  IF v_thread IS NOT NULL THEN
    UPDATE threads SET runs = runs + 1, agent = p_agent, updated_at = now(),
      expires_at = now() + ttl WHERE org_id = p_org AND id = v_thread;
    SELECT s.state INTO head FROM thread_states s WHERE org_id = p_org AND thread_id = v_thread AND id = t.state_id;
    IF v_how IN ('interrupt', 'rollback') AND open_runs IS NOT NULL THEN
      FOR other IN SELECT id, attempt, status FROM runs
        WHERE org_id = p_org AND id = ANY (open_runs) AND finished_at IS NULL ORDER BY thread_seq FOR UPDATE
      LOOP
        stopped := stopped || other.id;
        IF other.attempt = 0 THEN
          UPDATE runs SET status = 'cancelled', finished_at = clock_timestamp(), fence = fence + 1
          WHERE org_id = p_org AND id = other.id;
          INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, data) VALUES (
            p_org, other.id, 1, 0, clock_timestamp(), 'run.cancelled',
            json_build_object('reason', 'superseded', 'by', p_run, 'duration_ms', 0)
          );
        ELSE
          UPDATE runs SET cancel_requested = true, keeps_state = (v_how = 'interrupt'), expires_at = NULL,
            status = CASE WHEN status = 'interrupted' THEN 'queued' ELSE status END
          WHERE org_id = p_org AND id = other.id;
        END IF;
      END LOOP;
    END IF;
  END IF;
  IF v_source IS NOT NULL THEN
    INSERT INTO run_checkpoints (org_id, run_id, ns, checkpoint_id, parent_id, checkpoint, metadata)
    SELECT org_id, p_run, ns, checkpoint_id, CASE WHEN v_checkpoint IS NULL THEN parent_id END, checkpoint, metadata
    FROM run_checkpoints
    WHERE org_id = p_org AND run_id = v_source AND (v_checkpoint IS NULL OR (ns = '' AND checkpoint_id = v_checkpoint));
    INSERT INTO run_checkpoint_blobs (org_id, run_id, ns, channel, version, type, data)
    SELECT b.org_id, p_run, b.ns, b.channel, b.version, b.type, b.data FROM run_checkpoint_blobs b
    WHERE b.org_id = p_org AND b.run_id = v_source AND (v_checkpoint IS NULL OR (b.ns = '' AND EXISTS (
      SELECT FROM json_array_elements(p_link->'blobs') AS n WHERE n->>0 = b.channel AND n->>1 = b.version
    )));
    INSERT INTO run_checkpoint_writes (
      org_id, run_id, ns, checkpoint_id, task_id, idx, task_path, channel, type, data
    )
    SELECT org_id, p_run, ns, checkpoint_id, task_id, idx, task_path, channel, type, data FROM run_checkpoint_writes
    WHERE org_id = p_org AND run_id = v_source AND v_checkpoint IS NULL;
    INSERT INTO run_records (org_id, run_id, ns, key, data)
    SELECT org_id, p_run, ns, key, data FROM run_records
    WHERE org_id = p_org AND run_id = v_source AND v_checkpoint IS NULL;
  END IF;
  RETURN json_build_object(
    'stamp', stamp, 'here', at_once IS NOT NULL, 'state', head, 'stopped', to_json(stopped)
  )::text;
END $$
"""

# As `finish_run`, and in the same commit what the run leaves to its thread: a state when it ended well, or when a
# newer run took its place and what it had done so far is to be kept. One that is to be rolled back leaves nothing.
FINISH_ON_THREAD = """
CREATE FUNCTION finish_run_on_thread(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_status text, p_outputs json, p_error json, p_usage json, p_state_id uuid, p_state json
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE t record; r record; verdict int;
BEGIN
  PERFORM speak_for(p_org);
  SELECT th.* INTO t FROM threads th WHERE th.org_id = p_org AND th.id = (
    SELECT thread_id FROM runs WHERE org_id = p_org AND id = p_run
  ) FOR UPDATE;
  verdict := finish_run(
    p_org, p_run, p_fence, p_first, p_at, p_type, p_node, p_data, p_status, p_outputs, p_error, p_usage
  );
  IF verdict = 0 THEN RETURN 0; END IF;
  SELECT keeps_state INTO r FROM runs WHERE org_id = p_org AND id = p_run;
  IF p_state IS NOT NULL AND (
    (p_status = 'succeeded' AND r.keeps_state IS DISTINCT FROM false) OR (p_status = 'cancelled' AND r.keeps_state)
  ) THEN
    INSERT INTO thread_states (org_id, thread_id, id, parent_id, run_id, source, state, created_at)
    VALUES (p_org, t.id, p_state_id, t.state_id, p_run, 'run', p_state, clock_timestamp());
    UPDATE threads SET state_id = p_state_id, version = version + 1 WHERE org_id = p_org AND id = t.id;
  END IF;
  UPDATE threads SET updated_at = now(), expires_at = now() + ttl WHERE org_id = p_org AND id = t.id;
  RETURN verdict;
END $$
"""
