"""Pipelines and their versions, which never change; which one a collection locks, and how its indexes are built."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from girih.db.tenancy import APP_ROLE, guard, readable_by, speaking_for

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("pipelines", "pipeline_versions")
# One that was just switched to is looked at for a while: what was uploaded at that moment may not have known of it.
UNSETTLED = (
    "(status IN ('building', 'removing') OR status = 'active' AND ended_at > now() - interval '10 minutes') "
    f"AND {speaking_for('reconcile')}"
)
BUILDS = ("reason", "pipeline", "began_at", "ended_at")


def upgrade() -> None:
    make_pipelines()
    make_versions()
    for table in TABLES:
        for statement in guard(table):
            op.execute(statement)
    op.execute(
        "CREATE TRIGGER pipeline_versions_immutable BEFORE UPDATE OR DELETE ON pipeline_versions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE ON pipeline_versions FROM {APP_ROLE}")
    lock_versions_in_collections()
    for name in BUILDS:
        kind = sa.DateTime(timezone=True) if name.endswith("_at") else sa.Text()
        op.add_column("search_indexes", sa.Column(name, kind, nullable=True))
    op.execute(readable_by("search_indexes", "reconcile", UNSETTLED))
    op.add_column("chunks", sa.Column("notes", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("chunks", "notes")
    op.execute("DROP POLICY search_indexes_reconcile ON search_indexes")
    for name in BUILDS:
        op.drop_column("search_indexes", name)
    op.drop_constraint("fk_collections_org_id_pipeline_version_id_pipeline_versions", "collections")
    for name in ("pipeline_version_id", "metadata_schema"):
        op.drop_column("collections", name)
    for table in reversed(TABLES):
        op.drop_table(table)


def make_pipelines() -> None:
    op.create_table(
        "pipelines",
        *owned("pipelines"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("org_id", "id", name="uq_pipelines_org_id_id"),
        sa.UniqueConstraint("org_id", "project_id", "name", name="uq_pipelines_org_id_project_id_name"),
    )


def make_versions() -> None:
    op.create_table(
        "pipeline_versions",
        *owned("pipeline_versions"),
        sa.Column("pipeline_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "pipeline_id"],
            ["pipelines.org_id", "pipelines.id"],
            name="fk_pipeline_versions_org_id_pipeline_id_pipelines",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("org_id", "id", name="uq_pipeline_versions_org_id_id"),
        sa.UniqueConstraint("org_id", "pipeline_id", "number", name="uq_pipeline_versions_org_id_pipeline_id_number"),
        sa.UniqueConstraint("org_id", "pipeline_id", "version", name="uq_pipeline_versions_org_id_pipeline_id_version"),
    )


def owned(table: str) -> list[sa.schema.SchemaItem]:
    """The columns of `ProjectOwned`."""
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
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


def lock_versions_in_collections() -> None:
    op.add_column("collections", sa.Column("pipeline_version_id", sa.Uuid(), nullable=True))
    op.add_column("collections", sa.Column("metadata_schema", postgresql.JSONB(), nullable=True))
    op.create_foreign_key(
        "fk_collections_org_id_pipeline_version_id_pipeline_versions",
        "collections",
        "pipeline_versions",
        ["org_id", "pipeline_version_id"],
        ["org_id", "id"],
    )
