"""Lighter writing of runs: events by plain inserts, calls counted by a kept plan, the last checkpoint with the end."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

EVENTS = "uuid, uuid, bigint, int, timestamptz[], text[], text[], text[]"
CHECKPOINT = "text, text, text, bytea, bytea, text[], text[], text[], bytea[]"
END = "text, json, json, json"


def upgrade() -> None:
    for statement in (ADD_EVENTS, APPEND, COUNT_USAGE, KEEP_CHECKPOINT, FINISH_WITH, FINISH_ON_THREAD_WITH):
        op.execute(statement)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION finish_run_on_thread_with_checkpoint({EVENTS}, {END}, uuid, json, {CHECKPOINT})")
    op.execute(f"DROP FUNCTION finish_run_with_checkpoint({EVENTS}, {END}, {CHECKPOINT})")
    op.execute(f"DROP FUNCTION keep_checkpoint(uuid, uuid, {CHECKPOINT})")
    for statement in (COUNT_USAGE_BEFORE, APPEND_BEFORE, ADD_EVENTS_BEFORE):
        op.execute(statement)


# As before. Who repeats a call after a lost answer repeats the same numbers, and only such a call meets rows that are
# there already: the row of the run is locked, so that the two calls follow one another.
ADD_EVENTS = """
CREATE OR REPLACE FUNCTION add_run_events(
  p_org uuid, p_run uuid, p_attempt int, p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE fresh int[];
BEGIN
  IF cardinality(p_type) = 0 THEN RETURN; END IF;
  IF NOT EXISTS (SELECT FROM run_events WHERE org_id = p_org AND run_id = p_run AND seq >= p_first) THEN
    INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, node, data)
    SELECT p_org, p_run, p_first + e.n - 1, p_attempt, e.at, e.type, e.node, e.data::json
    FROM unnest(p_at, p_type, p_node, p_data) WITH ORDINALITY AS e(at, type, node, data, n);
    fresh := ARRAY(
      SELECT p_first + e.n - 1 FROM unnest(p_type) WITH ORDINALITY AS e(type, n) WHERE e.type = 'model.finished'
    );
  ELSE
    WITH added AS (
      INSERT INTO run_events (org_id, run_id, seq, attempt, at, type, node, data)
      SELECT p_org, p_run, p_first + e.n - 1, p_attempt, e.at, e.type, e.node, e.data::json
      FROM unnest(p_at, p_type, p_node, p_data) WITH ORDINALITY AS e(at, type, node, data, n)
      ON CONFLICT DO NOTHING RETURNING seq, type
    ) SELECT array_agg(seq) INTO fresh FROM added WHERE type = 'model.finished';
  END IF;
  IF cardinality(fresh) > 0 THEN
    PERFORM count_usage(p_org, p_run, p_first, p_at, p_type, p_node, p_data, fresh);
  END IF;
END $$
"""

# As before, and of two calls for one run the second waits for the first. A claim, which raises the fence, waits too.
APPEND = """
CREATE OR REPLACE FUNCTION append_run_events(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE held record;
BEGIN
  PERFORM speak_for(p_org);
  SELECT attempt, cancel_requested INTO held FROM runs
  WHERE org_id = p_org AND id = p_run AND fence = p_fence AND status = 'running' FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN 0; END IF;
  PERFORM add_run_events(p_org, p_run, held.attempt, p_first, p_at, p_type, p_node, p_data);
  RETURN CASE WHEN held.cancel_requested THEN 2 ELSE 1 END;
END $$
"""

APPEND_BEFORE = APPEND.replace("FOR NO KEY UPDATE", "FOR SHARE")

COUNT = """
CREATE OR REPLACE FUNCTION count_usage(
  p_org uuid, p_run uuid, p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[], p_new int[]
) RETURNS void LANGUAGE {language} AS $$
{begin}  INSERT INTO usage_counts AS kept (
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
    output_tokens = kept.output_tokens + excluded.output_tokens, cost_usd = kept.cost_usd + excluded.cost_usd{end}
$$
"""
# A function in SQL is planned at each call, one in PL/pgSQL once for each connection.
COUNT_USAGE = COUNT.format(language="plpgsql", begin="BEGIN\n", end=";\nEND")
COUNT_USAGE_BEFORE = COUNT.format(language="sql", begin="", end="")

ADD_EVENTS_BEFORE = """
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

# For functions that hold the run's row.
KEEP_CHECKPOINT = """
CREATE FUNCTION keep_checkpoint(
  p_org uuid, p_run uuid, p_ns text, p_checkpoint_id text, p_parent_id text, p_checkpoint bytea, p_metadata bytea,
  p_channels text[], p_versions text[], p_types text[], p_blobs bytea[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO run_checkpoint_blobs (org_id, run_id, ns, channel, version, type, data)
  SELECT p_org, p_run, p_ns, b.channel, b.version, b.type, b.data
  FROM unnest(p_channels, p_versions, p_types, p_blobs) AS b(channel, version, type, data)
  ON CONFLICT DO NOTHING;
  INSERT INTO run_checkpoints (org_id, run_id, ns, checkpoint_id, parent_id, checkpoint, metadata)
  VALUES (p_org, p_run, p_ns, p_checkpoint_id, p_parent_id, p_checkpoint, p_metadata)
  ON CONFLICT (org_id, run_id, ns, checkpoint_id)
  DO UPDATE SET checkpoint = excluded.checkpoint, metadata = excluded.metadata;
END $$
"""

# As `finish_run` and `finish_run_on_thread`, and with the run's last checkpoint, in one commit.
FINISH_WITH = """
CREATE FUNCTION finish_run_with_checkpoint(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_status text, p_outputs json, p_error json, p_usage json,
  p_ns text, p_checkpoint_id text, p_parent_id text, p_checkpoint bytea, p_metadata bytea,
  p_channels text[], p_versions text[], p_types text[], p_blobs bytea[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE verdict int;
BEGIN
  verdict := finish_run(
    p_org, p_run, p_fence, p_first, p_at, p_type, p_node, p_data, p_status, p_outputs, p_error, p_usage
  );
  IF verdict = 1 THEN
    PERFORM keep_checkpoint(
      p_org, p_run, p_ns, p_checkpoint_id, p_parent_id, p_checkpoint, p_metadata, p_channels, p_versions, p_types,
      p_blobs
    );
  END IF;
  RETURN verdict;
END $$
"""

FINISH_ON_THREAD_WITH = """
CREATE FUNCTION finish_run_on_thread_with_checkpoint(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_status text, p_outputs json, p_error json, p_usage json, p_state_id uuid, p_state json,
  p_ns text, p_checkpoint_id text, p_parent_id text, p_checkpoint bytea, p_metadata bytea,
  p_channels text[], p_versions text[], p_types text[], p_blobs bytea[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE verdict int;
BEGIN
  verdict := finish_run_on_thread(
    p_org, p_run, p_fence, p_first, p_at, p_type, p_node, p_data, p_status, p_outputs, p_error, p_usage, p_state_id,
    p_state
  );
  IF verdict = 1 THEN
    PERFORM keep_checkpoint(
      p_org, p_run, p_ns, p_checkpoint_id, p_parent_id, p_checkpoint, p_metadata, p_channels, p_versions, p_types,
      p_blobs
    );
  END IF;
  RETURN verdict;
END $$
"""
