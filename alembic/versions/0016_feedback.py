"""What users say of runs, and the most steps that a run was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("runs", sa.Column("max_steps", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_runs_max_steps"), "runs", "max_steps > 0")
    op.execute(OPEN_WITH_OPTIONS)
    make_feedback()
    for statement in guard("run_feedback"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("run_feedback")
    op.execute(OPEN_WITH_OPTIONS_BEFORE)
    op.drop_constraint(op.f("ck_runs_max_steps"), "runs", type_="check")
    op.drop_column("runs", "max_steps")


def make_feedback() -> None:
    op.create_table(
        "run_feedback",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("value", sa.JSON(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("given_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "run_id", "key", name="pk_run_feedback"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_run_feedback_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "run_id"],
            ["runs.org_id", "runs.id"],
            name="fk_run_feedback_org_id_run_id_runs",
            ondelete="CASCADE",
        ),
    )


# As before, with `max_steps` among the options.
OPEN_WITH_OPTIONS = """
CREATE OR REPLACE FUNCTION open_run_with_options(
  p_org uuid, p_project uuid, p_run uuid, p_agent text, p_alias text, p_version_id uuid, p_version text, p_digest text,
  p_inputs json, p_metadata json, p_key text, p_hash text, p_worker text, p_lease interval,
  p_at timestamptz, p_started json, p_background boolean, p_user text, p_tags text[], p_expires timestamptz,
  p_actor text, p_traceparent text, p_link json, p_chat json, p_options json
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
  IF p_chat IS NULL THEN
    told := open_linked_run(
      p_org, p_project, p_run, p_agent, p_alias, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key,
      p_hash, p_worker, p_lease, p_at, p_started, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent,
      p_link
    );
  ELSE
    told := open_chat_run(
      p_org, p_project, p_run, p_agent, p_alias, p_version_id, p_version, p_digest, p_inputs, p_metadata, p_key,
      p_hash, p_worker, p_lease, p_at, p_started, p_background, p_user, p_tags, p_expires, p_actor, p_traceparent,
      p_link, p_chat
    );
  END IF;
  UPDATE runs SET not_before = (p_options->>'not_before')::timestamptz,
    breakpoints = CASE WHEN json_typeof(p_options->'breakpoints') = 'object' THEN p_options->'breakpoints' END,
    webhook = p_options->>'webhook', on_completion = p_options->>'on_completion',
    max_steps = (p_options->>'max_steps')::int
  WHERE org_id = p_org AND id = p_run;
  RETURN told;
END $$
"""

OPEN_WITH_OPTIONS_BEFORE = OPEN_WITH_OPTIONS.replace(
    "p_options->>'on_completion',\n    max_steps = (p_options->>'max_steps')::int\n", "p_options->>'on_completion'\n"
)
