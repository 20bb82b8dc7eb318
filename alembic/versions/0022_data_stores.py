"""Data stores, what they know of their source's items, and the syncs that keep collections in step with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TABLES = ("data_stores", "source_items", "syncs", "sync_changes")


def upgrade() -> None:
    _data_stores()
    _source_items()
    _syncs()
    _sync_changes()
    for table in TABLES:
        for statement in guard(table):
            op.execute(statement)
    op.execute(readable_by("data_stores", "reconcile", speaking_for("reconcile")))
    op.execute(readable_by("syncs", "reconcile", speaking_for("reconcile")))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _owned() -> list[sa.Column]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
    ]


def _owners(table: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("org_id", "id", name=f"uq_{table}_org_id_id"),
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


def _part_of(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{parent}.org_id", f"{parent}.id"],
        name=f"fk_{table}_org_id_{column}_{parent}",
        ondelete="CASCADE",
    )


def _count(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def _flag(name: str, value: str) -> sa.Column:
    return sa.Column(name, sa.Boolean(), server_default=sa.text(value), nullable=False)


def _data_stores() -> None:
    op.create_table(
        "data_stores",
        *_owned(),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("config", JSONB(), nullable=False),
        sa.Column("readers", JSONB(), nullable=True),
        sa.Column("cron", sa.Text(), nullable=True),
        sa.Column("timezone", sa.Text(), nullable=False),
        _flag("enabled", "true"),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("most_removed", sa.Integer(), nullable=False),
        _flag("deleting", "false"),
        sa.Column("state", JSONB(), server_default="{}", nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        *_owners("data_stores"),
        _part_of("data_stores", "collection_id", "collections"),
        sa.UniqueConstraint("org_id", "project_id", "name", name="uq_data_stores_org_id_project_id_name"),
        sa.CheckConstraint("enabled OR next_at IS NULL", name=op.f("ck_data_stores_next")),
        sa.CheckConstraint("cron IS NOT NULL OR next_at IS NULL", name=op.f("ck_data_stores_cron")),
    )
    op.create_index("ix_data_stores_due", "data_stores", ["next_at"], postgresql_where=sa.text("next_at IS NOT NULL"))
    op.create_index("ix_data_stores_org_id_collection_id", "data_stores", ["org_id", "collection_id"])


def _source_items() -> None:
    op.create_table(
        "source_items",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("described", sa.Text(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), server_default="ok", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        _count("failures"),
        sa.Column("seen_by", sa.Uuid(), nullable=False),
        sa.Column("updated_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "store_id", "ref", name="pk_source_items"),
        _part_of("source_items", "store_id", "data_stores"),
        sa.CheckConstraint("status IN ('ok', 'failed')", name=op.f("ck_source_items_status")),
    )


def _syncs() -> None:
    op.create_table(
        "syncs",
        *_owned(),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("stage", sa.Text(), server_default="list", nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        _flag("dry_run", "false"),
        _flag("whole", "false"),
        _flag("remove_all", "false"),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("found", JSONB(), server_default="{}", nullable=False),
        *[_count(name) for name in ("listed", "added", "changed", "unchanged", "removed", "failed")],
        _count("attempts"),
        _count("fence"),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("updated_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        *_owners("syncs"),
        _part_of("syncs", "store_id", "data_stores"),
        sa.UniqueConstraint("org_id", "store_id", "due_at", name="uq_syncs_org_id_store_id_due_at"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed', 'cancelled', 'skipped')", name=op.f("ck_syncs_status")
        ),
    )
    # One sync of a data store at a time, whoever asks for it.
    op.create_index(
        "uq_syncs_open",
        "syncs",
        ["org_id", "store_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


def _sync_changes() -> None:
    op.create_table(
        "sync_changes",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("sync_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("org_id", "sync_id", "ref", name="pk_sync_changes"),
        _part_of("sync_changes", "sync_id", "syncs"),
        sa.CheckConstraint("action IN ('added', 'changed', 'removed', 'failed')", name=op.f("ck_sync_changes_action")),
    )
