"""Options of runs: a moment not to begin before, breakpoints, a webhook, removal after the end.

No function of an earlier step is replaced: `open_run_with_options` calls `open_linked_run` or `open_chat_run`, and what
a webhook is told is written by a trigger, in whatever transaction ends a run or lets it wait.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
RUN = (
    "uuid, uuid, uuid, text, text, uuid, text, text, json, json, text, text, text, interval, timestamptz, json, "
    "boolean, text, text[], timestamptz, text, text"
)
KIND = "ck_run_pauses_kind"
KINDS = "kind IN ('ask', 'approve', 'timer', 'event', 'tool', 'breakpoint')"
KINDS_BEFORE = "kind IN ('ask', 'approve', 'timer', 'event', 'tool')"
SETTLED = "('interrupted', 'succeeded', 'failed', 'cancelled', 'expired')"
TO_REMOVE = "on_completion = 'delete' AND finished_at IS NOT NULL"


def upgrade() -> None:
    change_runs()
    op.drop_constraint(op.f(KIND), "run_pauses", type_="check")
    op.create_check_constraint(op.f(KIND), "run_pauses", KINDS)
    make_deliveries()
    make_secrets()
    for table in ("webhook_deliveries", "webhook_secrets"):
        for statement in guard(table):
            op.execute(statement)
    op.execute(readable_by("webhook_deliveries", "reconcile", speaking_for("reconcile")))
    op.execute(OPEN_WITH_OPTIONS)
    op.execute(TELL_WEBHOOK)
    op.execute(
        "CREATE TRIGGER runs_tell_webhook AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.webhook IS NOT NULL "
        f"AND NEW.status <> OLD.status AND NEW.status IN {SETTLED}) EXECUTE FUNCTION tell_webhook()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER runs_tell_webhook ON runs")
    op.execute("DROP FUNCTION tell_webhook()")
    op.execute(f"DROP FUNCTION open_run_with_options({RUN}, json, json, json)")
    op.drop_table("webhook_secrets")
    op.drop_table("webhook_deliveries")
    op.drop_constraint(op.f(KIND), "run_pauses", type_="check")
    # Its owner is held to the rows of one organization as well, except for this.
    op.execute("ALTER TABLE run_pauses NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM run_pauses WHERE kind = 'breakpoint'")
    op.execute("ALTER TABLE run_pauses FORCE ROW LEVEL SECURITY")
    op.create_check_constraint(op.f(KIND), "run_pauses", KINDS_BEFORE)
    op.drop_index("ix_runs_to_remove", "runs")
    op.drop_constraint(op.f("ck_runs_on_completion"), "runs", type_="check")
    for name in ("on_completion", "webhook", "breakpoints", "not_before"):
        op.drop_column("runs", name)


def change_runs() -> None:
    op.add_column("runs", sa.Column("not_before", MOMENT, nullable=True))
    op.add_column("runs", sa.Column("breakpoints", sa.JSON(), nullable=True))
    op.add_column("runs", sa.Column("webhook", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("on_completion", sa.Text(), server_default="keep", nullable=False))
    op.create_check_constraint(op.f("ck_runs_on_completion"), "runs", "on_completion IN ('keep', 'delete')")
    op.create_index("ix_runs_to_remove", "runs", ["finished_at"], postgresql_where=sa.text(TO_REMOVE))


def make_deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        *of_project("webhook_deliveries"),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("run", sa.JSON(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.CheckConstraint("state IN ('pending', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_state")),
        sa.CheckConstraint("(state = 'pending') = (done_at IS NULL)", name=op.f("ck_webhook_deliveries_done")),
    )
    op.create_index("ix_webhook_deliveries_org_id_run_id", "webhook_deliveries", ["org_id", "run_id"])
    for name, columns, where in (
        ("due", ["next_at"], "state = 'pending'"),
        ("done", ["done_at"], "done_at IS NOT NULL"),
    ):
        op.create_index(f"ix_webhook_deliveries_{name}", "webhook_deliveries", columns, postgresql_where=sa.text(where))


def make_secrets() -> None:
    op.create_table(
        "webhook_secrets",
        *of_project("webhook_secrets"),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("before_until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("org_id", "project_id", name="pk_webhook_secrets"),
    )


def of_project(table: str) -> list[sa.SchemaItem]:
    """The columns and keys of a row of a project."""
    return [
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
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


# As `open_linked_run`, or `open_chat_run` where `p_chat` is given, for a run with options: `not_before`, `breakpoints`,
# `webhook` and `on_completion`, as the columns of these names. A run that is not to begin yet comes without a worker.
OPEN_WITH_OPTIONS = """
CREATE FUNCTION open_run_with_options(
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
    webhook = p_options->>'webhook', on_completion = p_options->>'on_completion'
  WHERE org_id = p_org AND id = p_run;
  RETURN told;
END $$
"""

# What is to be said to the run's webhook, with the run as it stands at this very moment. The messages that a chat run
# was given are no part of what is shown of it.
TELL_WEBHOOK = """
CREATE FUNCTION tell_webhook() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.chat := NULL;
  INSERT INTO webhook_deliveries (id, org_id, project_id, run_id, url, type, run) VALUES (
    gen_random_uuid(), NEW.org_id, NEW.project_id, NEW.id, NEW.webhook,
    CASE NEW.status WHEN 'succeeded' THEN 'run.finished' WHEN 'expired' THEN 'run.cancelled'
      ELSE 'run.' || NEW.status END,
    row_to_json(NEW)
  );
  RETURN NULL;
END $$
"""
