"""Chats: what a run was given beside its inputs, and a wait for the results of the app's own tools."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

RUN = (
    "uuid, uuid, uuid, text, text, uuid, text, text, json, json, text, text, text, interval, timestamptz, json, "
    "boolean, text, text[], timestamptz, text, text"
)
KIND = "ck_run_pauses_kind"
KINDS = "kind IN ('ask', 'approve', 'timer', 'event', 'tool')"
KINDS_BEFORE = "kind IN ('ask', 'approve', 'timer', 'event')"


def upgrade() -> None:
    op.add_column("runs", sa.Column("chat", sa.JSON(), nullable=True))
    op.drop_constraint(op.f(KIND), "run_pauses", type_="check")
    op.create_check_constraint(op.f(KIND), "run_pauses", KINDS)
    op.execute(OPEN_CHAT)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION open_chat_run({RUN}, json, json)")
    op.drop_constraint(op.f(KIND), "run_pauses", type_="check")
    op.execute("DELETE FROM run_pauses WHERE kind = 'tool'")
    op.create_check_constraint(op.f(KIND), "run_pauses", KINDS_BEFORE)
    op.drop_column("runs", "chat")


# As `open_linked_run`, for a run that is given messages, or something of the app's for its models.
OPEN_CHAT = """
CREATE FUNCTION open_chat_run(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean, p_user text, p_tags text[], p_expires timestamptz,
  p_actor text, p_traceparent text, p_link json, p_chat json
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
  told := open_linked_run(
    p_org, p_project, p_run, p_agent, p_alias, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key, p_hash,
    p_worker, p_lease, p_at, p_started, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent, p_link
  );
  UPDATE runs SET chat = p_chat WHERE org_id = p_org AND id = p_run;
  RETURN told;
END $$
"""
