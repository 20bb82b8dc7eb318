"""Threads whose ids apps choose, items that apps keep by namespace, and schedules that end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from girih.db.tenancy import guard

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    key_threads("org_id, id")
    make_items()
    make_vectors()
    for table in ("store_items", "store_vectors"):
        for statement in guard(table):
            op.execute(statement)
    op.add_column("schedules", sa.Column("end_at", MOMENT, nullable=True))
    op.add_column("schedules", sa.Column("new_threads", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("schedules", sa.Column("metadata", JSONB(), server_default="{}", nullable=False))
    op.add_column("schedules", sa.Column("updated_at", MOMENT, server_default=sa.func.now(), nullable=False))


def downgrade() -> None:
    for name in ("updated_at", "metadata", "new_threads", "end_at"):
        op.drop_column("schedules", name)
    op.drop_table("store_vectors")
    op.drop_table("store_items")
    key_threads("id")


def key_threads(columns: str) -> None:
    """Two organizations may choose the same id."""
    op.execute("ALTER TABLE threads DROP CONSTRAINT pk_threads")
    op.execute(f"ALTER TABLE threads ADD CONSTRAINT pk_threads PRIMARY KEY ({columns})")


def make_items() -> None:
    op.create_table(
        "store_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("namespace", ARRAY(sa.Text()), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", JSONB(), nullable=False),
        sa.Column("ttl", sa.Interval(), nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_store_items"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_store_items_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_store_items_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("org_id", "id", name="uq_store_items_org_id_id"),
        sa.UniqueConstraint(
            "org_id", "project_id", "namespace", "key", name="uq_store_items_org_id_project_id_namespace_key"
        ),
        sa.CheckConstraint("(ttl IS NULL) = (expires_at IS NULL)", name=op.f("ck_store_items_ttl")),
    )
    for column in ("expires_at", "updated_at"):
        op.create_index(f"ix_store_items_org_id_project_id_{column}", "store_items", ["org_id", "project_id", column])


def make_vectors() -> None:
    op.create_table(
        "store_vectors",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("embedding", VECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "item_id", "path", name="pk_store_vectors"),
        sa.ForeignKeyConstraint(
            ["org_id", "item_id"],
            ["store_items.org_id", "store_items.id"],
            name="fk_store_vectors_org_id_item_id_store_items",
            ondelete="CASCADE",
        ),
    )
