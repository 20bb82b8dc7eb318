"""Retention: how long each project keeps what has ended; what only a resume needs goes with a run's good end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
DAYS = ("runs_days", "run_events_days", "checkpoints_days", "domain_events_days", "schedule_history_days")
RUN = ["org_id", "project_id", "finished_at"]
WAITS = "state = 'open' AND expires_at IS NOT NULL AND reminded_at IS NULL AND kind IN ('ask', 'approve')"


def upgrade() -> None:
    make_policies()
    for statement in guard("retention_policies"):
        op.execute(statement)
    for table in ("retention_policies", "projects"):
        op.execute(readable_by(table, "sweep", speaking_for("sweep")))
    op.create_index("ix_runs_ended", "runs", RUN, postgresql_where=sa.text("finished_at IS NOT NULL"))
    op.create_index("ix_domain_events_org_id_project_id_at", "domain_events", ["org_id", "project_id", "at"])
    op.add_column("run_pauses", sa.Column("reminded_at", MOMENT, nullable=True))
    op.create_index("ix_run_pauses_remind", "run_pauses", ["org_id", "expires_at"], postgresql_where=sa.text(WAITS))
    op.execute(DROP_RESUME)
    op.execute(
        "CREATE TRIGGER runs_drop_resume AFTER UPDATE ON runs FOR EACH ROW "
        "WHEN (NEW.status = 'succeeded' AND OLD.status <> 'succeeded') EXECUTE FUNCTION drop_resume()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER runs_drop_resume ON runs")
    op.execute("DROP FUNCTION drop_resume()")
    op.drop_index("ix_run_pauses_remind", "run_pauses")
    op.drop_column("run_pauses", "reminded_at")
    op.drop_index("ix_domain_events_org_id_project_id_at", "domain_events")
    op.drop_index("ix_runs_ended", "runs")
    op.execute("DROP POLICY projects_sweep ON projects")
    op.drop_table("retention_policies")


def make_policies() -> None:
    op.create_table(
        "retention_policies",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.Float(), nullable=True) for name in DAYS),
        sa.Column("changed_at", MOMENT, nullable=True),
        sa.Column("events_until", MOMENT, nullable=True),
        sa.Column("checkpoints_until", MOMENT, nullable=True),
        sa.Column("swept_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("org_id", "project_id", name="pk_retention_policies"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_retention_policies_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_retention_policies_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    )


# A run that ended well is never gone on with from within a branch, an item or a node: only from its graph's own
# checkpoints, which stay. Where there is nothing below the graph, as in most runs, two looks at an index say so.
DROP_RESUME = """
CREATE FUNCTION drop_resume() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM run_checkpoints WHERE org_id = NEW.org_id AND run_id = NEW.id AND ns <> '') THEN
    DELETE FROM run_checkpoint_writes WHERE org_id = NEW.org_id AND run_id = NEW.id AND ns <> '';
    DELETE FROM run_checkpoint_blobs WHERE org_id = NEW.org_id AND run_id = NEW.id AND ns <> '';
    DELETE FROM run_checkpoints WHERE org_id = NEW.org_id AND run_id = NEW.id AND ns <> '';
  END IF;
  DELETE FROM run_records WHERE org_id = NEW.org_id AND run_id = NEW.id;
  RETURN NULL;
END $$
"""
