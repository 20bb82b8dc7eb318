"""What model calls cost, counted by day in the commit that records them; budgets; who made a run, and its trace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE = (
    "uuid, uuid, uuid, text, text, uuid, text, text, json, json, text, text, text, interval, timestamptz, json, "
    "boolean, text, text[], timestamptz"
)


def upgrade() -> None:
    op.add_column("runs", sa.Column("actor", sa.Text(), server_default="system", nullable=False))
    op.add_column("runs", sa.Column("traceparent", sa.Text(), nullable=True))
    make_counts()
    make_budgets()
    for table in ("usage_counts", "budgets"):
        for statement in guard(table):
            op.execute(statement)
    op.execute(f"DROP FUNCTION open_run({BEFORE})")
    for statement in (OPEN_RUN, COUNT_USAGE, ADD_EVENTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute(ADD_EVENTS_BEFORE)
    op.execute("DROP FUNCTION count_usage(uuid, uuid, int, timestamptz[], text[], text[], text[], int[])")
    op.execute(f"DROP FUNCTION open_run({BEFORE}, text, text)")
    op.execute(OPEN_RUN_BEFORE)
    op.drop_table("budgets")
    op.drop_table("usage_counts")
    op.drop_column("runs", "traceparent")
    op.drop_column("runs", "actor")


def make_counts() -> None:
    op.create_table(
        "usage_counts",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "agent", "node", "model", "provider")),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in ("calls", "errors", "input_tokens", "output_tokens")
        ),
        sa.Column("cost_usd", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint(
            "org_id",
            "project_id",
            "day",
            "actor",
            "agent",
            "node",
            "model",
            "provider",
            "shard",
            name="pk_usage_counts",
        ),
        *keys("usage_counts"),
    )
    op.create_index("ix_usage_counts_org_id_day", "usage_counts", ["org_id", "day"])


def make_budgets() -> None:
    op.create_table(
        "budgets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("cost_usd", sa.Numeric(), nullable=True),
        sa.Column("tokens", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
        sa.UniqueConstraint("org_id", "target", "subject", "period", name="uq_budgets_org_id_target_subject_period"),
        *keys("budgets"),
        sa.CheckConstraint("target IN ('organization', 'project', 'key')", name=op.f("ck_budgets_target")),
        sa.CheckConstraint("period IN ('day', 'month')", name=op.f("ck_budgets_period")),
        sa.CheckConstraint("cost_usd IS NOT NULL OR tokens IS NOT NULL", name=op.f("ck_budgets_limited")),
    )


def keys(table: str) -> list[sa.ForeignKeyConstraint]:
    """The foreign keys of a row of a project."""
    return [
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name=f"fk_{table}_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name=f"fk_{table}_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    ]


# As before, and with who asked for the run and the trace it belongs to.
OPEN_RUN = """
CREATE FUNCTION open_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean DEFAULT false,
  p_user text DEFAULT NULL, p_tags text[] DEFAULT '{}', p_expires timestamptz DEFAULT NULL,
  p_actor text DEFAULT 'system', p_traceparent text DEFAULT NULL
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
    created_at, background, end_user, tags, expires_at, actor, traceparent, status,
    worker, attempt, fence, lease_until, started_at
  ) VALUES (
    p_run, p_org, p_project, p_agent, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash,
    p_at, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent,
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

OPEN_RUN_BEFORE = """
CREATE FUNCTION open_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean DEFAULT false,
  p_user text DEFAULT NULL, p_tags text[] DEFAULT '{}', p_expires timestamptz DEFAULT NULL
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
    created_at, background, end_user, tags, expires_at, status, worker, attempt, fence, lease_until, started_at
  ) VALUES (
    p_run, p_org, p_project, p_agent, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash,
    p_at, p_background, p_user, p_tags, p_expires,
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

# Adds the model calls among the events that are new (their places are in `p_new`) to the counts of their day. Items of
# a list are counted as one node. Processes write to rows of their own, by connection, so that none waits for another.
COUNT_USAGE = """
CREATE FUNCTION count_usage(
  p_org uuid, p_run uuid, p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[], p_new int[]
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO usage_counts AS kept (
    org_id, project_id, day, actor, agent, node, model, provider, shard,
    calls, errors, input_tokens, output_tokens, cost_usd
  )
  SELECT p_org, r.project_id, (e.at AT TIME ZONE 'UTC')::date, r.actor, r.agent,
    regexp_replace(coalesce(e.node, ''), '\\[[^]]*\\]', '', 'g'),
    coalesce(e.data->>'model', ''), coalesce(e.data->>'provider', ''), pg_backend_pid() % 16,
    count(*), count(e.data->>'error'), coalesce(sum((e.data->'usage'->>'input_tokens')::bigint), 0),
    coalesce(sum((e.data->'usage'->>'output_tokens')::bigint), 0),
    coalesce(sum((e.data->'usage'->>'cost_usd')::numeric), 0)
  FROM (
    SELECT at, node, data::json AS data
    FROM unnest(p_at, p_type, p_node, p_data) WITH ORDINALITY AS u(at, type, node, data, n)
    WHERE type = 'model.finished' AND p_first + n - 1 = ANY (p_new)
  ) e JOIN runs r ON r.org_id = p_org AND r.id = p_run
  GROUP BY 2, 3, 4, 5, 6, 7, 8 ORDER BY 2, 3, 4, 5, 6, 7, 8
  ON CONFLICT (org_id, project_id, day, actor, agent, node, model, provider, shard) DO UPDATE SET
    calls = kept.calls + excluded.calls, errors = kept.errors + excluded.errors,
    input_tokens = kept.input_tokens + excluded.input_tokens,
    output_tokens = kept.output_tokens + excluded.output_tokens, cost_usd = kept.cost_usd + excluded.cost_usd
$$
"""

# As before, and model calls are counted: only those whose event is new, so that a repeated call counts none twice.
ADD_EVENTS = """
CREATE OR REPLACE FUNCTION add_run_events(
  p_org uuid, p_run uuid, p_attempt int, p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE fresh int[];
BEGIN
  IF cardinality(p_type) = 0 THEN RETURN; END IF;
  IF NOT 'model.finished' = ANY (p_type) THEN
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, node, data)
    SELECT p_org, p_run, p_first + e.n - 1, p_attempt, e.at, e.type, e.node, e.data::json
    FROM unnest(p_at, p_type, p_node, p_data) WITH ORDINALITY AS e(at, type, node, data, n)
    ON CONFLICT DO NOTHING;
    RETURN;
  END IF;
  WITH added AS (
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, node, data)
    SELECT p_org, p_run, p_first + e.n - 1, p_attempt, e.at, e.type, e.node, e.data::json
    FROM unnest(p_at, p_type, p_node, p_data) WITH ORDINALITY AS e(at, type, node, data, n)
    ON CONFLICT DO NOTHING RETURNING seq, type
  ) SELECT array_agg(seq) INTO fresh FROM added WHERE type = 'model.finished';
  IF fresh IS NOT NULL THEN
    PERFORM count_usage(p_org, p_run, p_first, p_at, p_type, p_node, p_data, fresh);
  END IF;
END $$
"""

ADD_EVENTS_BEFORE = """
CREATE OR REPLACE FUNCTION add_run_events(
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
