"""Collections, documents, the jobs that bring them in, and the passages that searches find."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import VECTOR
from sqlalchemy.dialects import postgresql

from girih.db.tenancy import guard, readable_by, speaking_for, speaking_for_row

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("collections", "documents", "ingest_jobs", "chunks", "chunk_terms", "chunk_postings")


def upgrade() -> None:
    make_collections()
    make_documents()
    make_jobs()
    make_chunks()
    make_postings()
    for table in TABLES:
        for statement in guard(table):
            op.execute(statement)
    unfinished = "status IN ('queued', 'running')"
    op.execute(readable_by("ingest_jobs", "reconcile", f"{unfinished} AND {speaking_for('reconcile')}"))
    op.execute(readable_by("ingest_jobs", "ingest", speaking_for_row("ingest")))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def owned(table: str, *items: sa.schema.SchemaItem, project: bool) -> None:
    """A table with the columns of `OrgOwned` or `ProjectOwned`."""
    columns: list[sa.schema.SchemaItem] = [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        organization_key(table),
    ]
    if project:
        columns += [sa.Column("project_id", sa.Uuid(), nullable=False), key(table, "project_id", "projects")]
    op.create_table(table, *columns, *items)


def organization_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id"], ["organizations.id"], name=f"fk_{table}_org_id_organizations", ondelete="CASCADE"
    )


def key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{target}.org_id", f"{target}.id"],
        name=f"fk_{table}_org_id_{column}_{target}",
        ondelete="CASCADE",
    )


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def words(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Text(), nullable=nullable)


def number(name: str, *, nullable: bool = False, zero: bool = False, big: bool = False) -> sa.Column:
    kind = sa.BigInteger() if big else sa.Integer()
    return sa.Column(name, kind, nullable=nullable, server_default="0" if zero else None)


def moment(name: str, *, nullable: bool = False) -> sa.Column:
    default = None if nullable else sa.func.now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def reference(name: str) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=False)


def make_collections() -> None:
    owned(
        "collections",
        words("name"),
        words("description"),
        words("embedder"),
        words("embedder_name", nullable=True),
        words("embedder_model", nullable=True),
        number("embedder_dims", nullable=True),
        words("embedder_fingerprint", nullable=True),
        number("chunk_size"),
        number("chunk_overlap"),
        words("digest"),
        reference("index_id"),
        number("passages", zero=True, big=True),
        number("words", zero=True, big=True),
        moment("updated_at"),
        unique("collections", "org_id", "id"),
        unique("collections", "org_id", "project_id", "name"),
        project=True,
    )


def make_documents() -> None:
    owned(
        "documents",
        reference("collection_id"),
        words("name"),
        number("size", big=True),
        words("sha256"),
        number("generation"),
        words("status"),
        words("reason", nullable=True),
        number("passages", zero=True),
        number("pages", nullable=True),
        moment("updated_at"),
        key("documents", "collection_id", "collections"),
        unique("documents", "org_id", "id"),
        unique("documents", "org_id", "collection_id", "name"),
        project=True,
    )
    op.create_index("ix_documents_org_id_sha256", "documents", ["org_id", "sha256"])


def make_jobs() -> None:
    owned(
        "ingest_jobs",
        reference("document_id"),
        number("generation"),
        words("status"),
        words("stage"),
        number("done", zero=True),
        number("total", zero=True),
        number("attempts", zero=True),
        number("fence", zero=True),
        moment("lease_until", nullable=True),
        moment("not_before", nullable=True),
        words("reason", nullable=True),
        moment("updated_at"),
        key("ingest_jobs", "document_id", "documents"),
        unique("ingest_jobs", "org_id", "document_id", "generation"),
        project=True,
    )
    op.create_index(
        "ix_ingest_jobs_open",
        "ingest_jobs",
        ["org_id", "created_at"],
        postgresql_where=sa.text("status IN ('queued', 'running')"),
    )


def make_chunks() -> None:
    owned(
        "chunks",
        reference("index_id"),
        reference("document_id"),
        number("ordinal"),
        words("text"),
        number("page", nullable=True),
        sa.Column("heading", postgresql.JSONB(), nullable=False),
        number("start"),
        number("end"),
        number("words"),
        sa.Column("lexemes", postgresql.TSVECTOR(), nullable=False),
        sa.Column("embedding", VECTOR(), nullable=False),
        key("chunks", "document_id", "documents"),
        unique("chunks", "org_id", "document_id", "ordinal"),
        project=False,
    )
    op.create_index("ix_chunks_org_id_index_id", "chunks", ["org_id", "index_id"])


def make_postings() -> None:
    op.create_table(
        "chunk_terms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        reference("org_id"),
        reference("index_id"),
        words("term"),
        sa.PrimaryKeyConstraint("id", name="pk_chunk_terms"),
        organization_key("chunk_terms"),
        unique("chunk_terms", "org_id", "id"),
        unique("chunk_terms", "org_id", "index_id", "term"),
    )
    op.create_table(
        "chunk_postings",
        reference("org_id"),
        number("term_id", big=True),
        reference("chunk_id"),
        number("count"),
        number("words"),
        sa.PrimaryKeyConstraint("org_id", "term_id", "chunk_id", name="pk_chunk_postings"),
        key("chunk_postings", "term_id", "chunk_terms"),
    )
