"""What nodes record durably while they run, and the function that forgets a part of a run that is done."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EVENTS = "uuid, uuid, bigint, int, timestamptz[], text[], text[], text[]"


def upgrade() -> None:
    op.create_table(
        "run_records",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("ns", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "run_id", "ns", "key", name="pk_run_records"),
        sa.ForeignKeyConstraint(
            ["org_id", "run_id"],
            ["runs.org_id", "runs.id"],
            name="fk_run_records_org_id_run_id_runs",
            ondelete="CASCADE",
        ),
    )
    for statement in guard("run_records"):
        op.execute(statement)
    op.execute(PUT_RECORDS)
    op.execute(DISCARD)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION discard_run_space({EVENTS}, text)")
    op.execute(f"DROP FUNCTION put_run_records({EVENTS}, text, text[], bytea[])")
    op.drop_table("run_records")


PUT_RECORDS = """
CREATE FUNCTION put_run_records(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[],
  p_ns text, p_keys text[], p_values bytea[]
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE verdict int;
BEGIN
  verdict := append_run_events(p_org, p_run, p_fence, p_first, p_at, p_type, p_node, p_data);
  IF verdict = 0 THEN RETURN 0; END IF;
  INSERT INTO run_records (org_id, run_id, ns, key, data)
  SELECT p_org, p_run, p_ns, r.key, r.data FROM unnest(p_keys, p_values) AS r(key, data)
  ON CONFLICT (org_id, run_id, ns, key) DO UPDATE SET data = excluded.data;
  RETURN verdict;
END $$
"""

# A namespace is below another one when its name begins with it.
DISCARD = """
CREATE FUNCTION discard_run_space(
  p_org uuid, p_run uuid, p_fence bigint,
  p_first int, p_at timestamptz[], p_type text[], p_node text[], p_data text[], p_ns text
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE verdict int;
BEGIN
  verdict := append_run_events(p_org, p_run, p_fence, p_first, p_at, p_type, p_node, p_data);
  IF verdict = 0 THEN RETURN 0; END IF;
  DELETE FROM run_checkpoint_writes WHERE org_id = p_org AND run_id = p_run AND starts_with(ns, p_ns);
  DELETE FROM run_checkpoints WHERE org_id = p_org AND run_id = p_run AND starts_with(ns, p_ns);
  DELETE FROM run_checkpoint_blobs WHERE org_id = p_org AND run_id = p_run AND starts_with(ns, p_ns);
  DELETE FROM run_records WHERE org_id = p_org AND run_id = p_run AND starts_with(ns, p_ns);
  RETURN verdict;
END $$
"""
