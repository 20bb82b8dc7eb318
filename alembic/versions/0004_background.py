"""Runs in the background: marked as such, and found quickly while they wait."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PARAMETERS = "uuid, uuid, uuid, text, text, uuid, text, text, json, json, text, text, text, interval, timestamptz, json"


def upgrade() -> None:
    op.add_column("runs", sa.Column("background", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index("ix_runs_queued", "runs", ["org_id", "id"], postgresql_where=sa.text("status = 'queued'"))
    op.execute(f"DROP FUNCTION open_run({PARAMETERS})")
    op.execute(OPEN_RUN)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION open_run({PARAMETERS}, boolean)")
    op.execute(OPEN_RUN_BEFORE)
    op.drop_index("ix_runs_queued", "runs")
    op.drop_column("runs", "background")


# As before, and `p_background` says whether the run is for workers.
OPEN_RUN = """
CREATE FUNCTION open_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean DEFAULT false
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
    created_at, background, status, worker, attempt, fence, lease_until, started_at
  ) VALUES (
    p_run, p_org, p_project, p_agent, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash,
    p_at, p_background,
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
