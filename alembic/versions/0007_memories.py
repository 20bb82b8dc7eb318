"""What runs remember for later ones, and cached results of nodes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import JSONB

from girih.db.tenancy import guard

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "memories",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("embedding", VECTOR(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_memories"),
        *keys("memories"),
        sa.UniqueConstraint(
            "org_id", "project_id", "namespace", "key", name="uq_memories_org_id_project_id_namespace_key"
        ),
    )
    indexes("memories", "subject", "expires_at")
    op.create_table(
        "cached_results",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "project_id", "key", name="pk_cached_results"),
        *keys("cached_results"),
    )
    indexes("cached_results", "expires_at", "created_at")
    for table in ("memories", "cached_results"):
        for statement in guard(table):
            op.execute(statement)


def downgrade() -> None:
    op.drop_table("cached_results")
    op.drop_table("memories")


def keys(table: str) -> list[sa.ForeignKeyConstraint]:
    project = f"fk_{table}_org_id_project_id_projects"
    return [
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name=f"fk_{table}_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"], ["projects.org_id", "projects.id"], name=project, ondelete="CASCADE"
        ),
    ]


def indexes(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_org_id_project_id_{column}", table, ["org_id", "project_id", column])
