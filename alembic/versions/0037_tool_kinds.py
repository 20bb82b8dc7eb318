"""How many calls each tool may still make: one bucket for each tool of a project that has a rate."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tool_rates",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Double(), nullable=False),
        sa.Column("refilled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "project_id", "name", name="pk_tool_rates"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_tool_rates_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_tool_rates_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    )
    for statement in guard("tool_rates"):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("tool_rates")
