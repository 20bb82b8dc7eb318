"""Agents and pipelines that a workspace no longer names are retired; what a plan counts is found by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("retired_at", sa.DateTime(timezone=True)))
    op.add_column("pipelines", sa.Column("retired_at", sa.DateTime(timezone=True)))
    # Names become free for nobody else: a version is never lost, and who applies the name again goes on from it.
    op.create_index(
        "ix_runs_unfinished",
        "runs",
        ["org_id", "version_id"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index(
        "ix_threads_org_id_project_id_agent",
        "threads",
        ["org_id", "project_id", "agent"],
        postgresql_where=sa.text("agent IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_threads_org_id_project_id_agent", "threads")
    op.drop_index("ix_runs_unfinished", "runs")
    op.drop_column("pipelines", "retired_at")
    op.drop_column("agents", "retired_at")
