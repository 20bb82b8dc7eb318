"""Schedules: what is run when, and the one row for each moment that makes sure it is run once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("overlap", sa.Text(), nullable=False),
        sa.Column("catch_up", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
        sa.UniqueConstraint("org_id", "id", name="uq_schedules_org_id_id"),
        sa.UniqueConstraint("org_id", "project_id", "name", name="uq_schedules_org_id_project_id_name"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_schedules_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_schedules_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("overlap IN ('skip', 'allow')", name=op.f("ck_schedules_overlap")),
        sa.CheckConstraint("catch_up IN ('none', 'last', 'all')", name=op.f("ck_schedules_catch_up")),
        sa.CheckConstraint("enabled OR next_at IS NULL", name=op.f("ck_schedules_next")),
    )
    op.create_index("ix_schedules_due", "schedules", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    op.create_table(
        "schedule_firings",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("outcome", sa.Text(), server_default="pending", nullable=False),
        sa.Column("manual", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("held_until", MOMENT, nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("fired_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "schedule_id", "due_at", name="pk_schedule_firings"),
        sa.ForeignKeyConstraint(
            ["org_id", "schedule_id"],
            ["schedules.org_id", "schedules.id"],
            name="fk_schedule_firings_org_id_schedule_id_schedules",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "outcome IN ('pending', 'started', 'skipped', 'failed')", name=op.f("ck_schedule_firings_outcome")
        ),
    )
    for table in ("schedules", "schedule_firings"):
        for statement in guard(table):
            op.execute(statement)
    op.execute(readable_by("schedules", "reconcile", speaking_for("reconcile")))


def downgrade() -> None:
    op.drop_table("schedule_firings")
    op.drop_table("schedules")
