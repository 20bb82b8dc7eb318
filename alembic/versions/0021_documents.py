"""What is known of documents: metadata, readers, a key, where they are from, each version; and uploads in pieces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

FIRST_VERSIONS = """
INSERT INTO document_versions (id, created_at, org_id, document_id, generation, sha256, size, name, created_by)
SELECT gen_random_uuid(), updated_at, org_id, id, generation, sha256, size, name, 'system'
FROM documents WHERE sha256 <> ''
"""


def upgrade() -> None:
    widen_documents()
    make_versions()
    make_uploads()
    make_discarded()
    op.execute(FIRST_VERSIONS)
    for table in ("document_versions", "uploads", "upload_parts", "discarded_files"):
        for statement in guard(table):
            op.execute(statement)
    for table in ("uploads", "discarded_files"):
        op.execute(readable_by(table, "reconcile", speaking_for("reconcile")))


def downgrade() -> None:
    for table in ("discarded_files", "upload_parts", "uploads", "document_versions"):
        op.drop_table(table)
    op.drop_index("ix_documents_org_id_collection_id_name", "documents")
    op.drop_index("ix_documents_org_id_collection_id_updated_at", "documents")
    op.drop_index("ix_documents_org_id_source_id_source_ref", "documents")
    op.drop_constraint("uq_documents_org_id_collection_id_key", "documents")
    # Before this step a name was there once: what shares its name is told apart by its id.
    op.execute(
        "UPDATE documents d SET name = name || ' ' || id WHERE EXISTS (SELECT FROM documents o WHERE "
        "o.org_id = d.org_id AND o.collection_id = d.collection_id AND o.name = d.name AND o.id < d.id)"
    )
    op.create_unique_constraint(
        "uq_documents_org_id_collection_id_name", "documents", ["org_id", "collection_id", "name"]
    )
    for column in ("metadata", "readers", "key", "media_type", "source_id", "source_ref"):
        op.drop_column("documents", column)


def widen_documents() -> None:
    op.add_column("documents", sa.Column("metadata", postgresql.JSONB(), server_default="{}", nullable=False))
    op.add_column("documents", sa.Column("readers", postgresql.ARRAY(sa.Text()), nullable=True))
    for column in ("key", "media_type", "source_ref"):
        op.add_column("documents", sa.Column(column, sa.Text(), nullable=True))
    op.add_column("documents", sa.Column("source_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE documents SET key = name")
    op.alter_column("documents", "key", nullable=False)
    op.drop_constraint("uq_documents_org_id_collection_id_name", "documents")
    op.create_unique_constraint(
        "uq_documents_org_id_collection_id_key", "documents", ["org_id", "collection_id", "key"]
    )
    for columns in (["collection_id", "name"], ["collection_id", "updated_at"], ["source_id", "source_ref"]):
        op.create_index(f"ix_documents_org_id_{'_'.join(columns)}", "documents", ["org_id", *columns])


def make_versions() -> None:
    op.create_table(
        "document_versions",
        *own(),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_document_versions"),
        organization_key("document_versions"),
        sa.ForeignKeyConstraint(
            ["org_id", "document_id"],
            ["documents.org_id", "documents.id"],
            name="fk_document_versions_org_id_document_id_documents",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "org_id", "document_id", "generation", name="uq_document_versions_org_id_document_id_generation"
        ),
    )
    op.create_index("ix_document_versions_org_id_sha256", "document_versions", ["org_id", "sha256"])


def make_uploads() -> None:
    op.create_table(
        "uploads",
        *own(),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
        organization_key("uploads"),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_uploads_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "collection_id"],
            ["collections.org_id", "collections.id"],
            name="fk_uploads_org_id_collection_id_collections",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("org_id", "id", name="uq_uploads_org_id_id"),
    )
    op.create_index("ix_uploads_expires_at", "uploads", ["expires_at"])
    op.create_table(
        "upload_parts",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("upload_id", sa.Uuid(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "upload_id", "start", name="pk_upload_parts"),
        organization_key("upload_parts"),
        sa.ForeignKeyConstraint(
            ["org_id", "upload_id"],
            ["uploads.org_id", "uploads.id"],
            name="fk_upload_parts_org_id_upload_id_uploads",
            ondelete="CASCADE",
        ),
    )


def make_discarded() -> None:
    op.create_table(
        "discarded_files",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "key", name="pk_discarded_files"),
        organization_key("discarded_files"),
    )


def own() -> tuple[sa.Column[object], ...]:
    """The columns of every row of an organization."""
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
    )


def organization_key(table: str) -> sa.ForeignKeyConstraint:
    """The foreign key of a row of an organization."""
    return sa.ForeignKeyConstraint(
        ["org_id"], ["organizations.id"], name=f"fk_{table}_org_id_organizations", ondelete="CASCADE"
    )
