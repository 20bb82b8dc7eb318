"""Indexes of a collection: each generation of passages is a row of its own, so that one can be built beside another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from girih.db.tenancy import guard

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

EMBEDDER = ("embedder_name", "embedder_model", "embedder_dims", "embedder_fingerprint")
CHUNK = {"size": 220, "overlap": 40, "strategy": "structure", "context": "headings"}

MOVE_IN = """
INSERT INTO search_indexes (id, org_id, project_id, collection_id, number, status, config, embedder_name,
                            embedder_model, embedder_dims, embedder_fingerprint, passages, words)
SELECT index_id, org_id, project_id, id, 1, 'active',
       jsonb_build_object('embedder', embedder, 'chunk', jsonb_build_object(
         'size', chunk_size, 'overlap', chunk_overlap, 'strategy', chunk_strategy, 'context', chunk_context)),
       embedder_name, embedder_model, embedder_dims, embedder_fingerprint, passages, words
FROM collections
"""

MOVE_OUT = """
UPDATE collections c
SET embedder = i.config->>'embedder', chunk_size = (i.config->'chunk'->>'size')::int,
    chunk_overlap = (i.config->'chunk'->>'overlap')::int, chunk_strategy = i.config->'chunk'->>'strategy',
    chunk_context = i.config->'chunk'->>'context', embedder_name = i.embedder_name,
    embedder_model = i.embedder_model, embedder_dims = i.embedder_dims,
    embedder_fingerprint = i.embedder_fingerprint, passages = i.passages, words = i.words
FROM search_indexes i
WHERE i.org_id = c.org_id AND i.id = c.index_id
"""

ACTIVE_ONLY = "c.org_id = {table}.org_id AND c.index_id = {table}.index_id"


def upgrade() -> None:
    make_indexes()
    op.execute(MOVE_IN)
    for column in ("embedder", *EMBEDDER, "passages", "words", *(f"chunk_{name}" for name in CHUNK)):
        op.drop_column("collections", column)
    name_the_index_of_jobs()
    op.drop_constraint("uq_chunks_org_id_document_id_ordinal", "chunks")
    op.drop_index("ix_chunks_org_id_index_id", "chunks")
    op.create_unique_constraint(
        "uq_chunks_org_id_index_id_document_id_ordinal", "chunks", ["org_id", "index_id", "document_id", "ordinal"]
    )
    op.create_index("ix_chunks_org_id_document_id", "chunks", ["org_id", "document_id"])
    for statement in guard("search_indexes"):
        op.execute(statement)


def downgrade() -> None:
    # Before this step a collection had one index: what lies beside the active one goes.
    for table in ("chunk_terms", "chunks", "ingest_jobs"):
        op.execute(
            f"DELETE FROM {table} WHERE NOT EXISTS (SELECT FROM collections c WHERE {ACTIVE_ONLY.format(table=table)})"
        )
    op.drop_index("ix_chunks_org_id_document_id", "chunks")
    op.drop_constraint("uq_chunks_org_id_index_id_document_id_ordinal", "chunks")
    op.create_index("ix_chunks_org_id_index_id", "chunks", ["org_id", "index_id"])
    op.create_unique_constraint("uq_chunks_org_id_document_id_ordinal", "chunks", ["org_id", "document_id", "ordinal"])
    op.drop_constraint("uq_ingest_jobs_org_id_document_id_generation_index_id", "ingest_jobs")
    op.drop_column("ingest_jobs", "index_id")
    op.create_unique_constraint(
        "uq_ingest_jobs_org_id_document_id_generation", "ingest_jobs", ["org_id", "document_id", "generation"]
    )
    give_collections_their_columns_back()
    op.drop_table("search_indexes")


def make_indexes() -> None:
    op.create_table(
        "search_indexes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("config", postgresql.JSONB(), nullable=False),
        sa.Column("embedder_name", sa.Text(), nullable=True),
        sa.Column("embedder_model", sa.Text(), nullable=True),
        sa.Column("embedder_dims", sa.Integer(), nullable=True),
        sa.Column("embedder_fingerprint", sa.Text(), nullable=True),
        sa.Column("passages", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("words", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_indexes"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_search_indexes_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_search_indexes_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "collection_id"],
            ["collections.org_id", "collections.id"],
            name="fk_search_indexes_org_id_collection_id_collections",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("org_id", "id", name="uq_search_indexes_org_id_id"),
        sa.UniqueConstraint("org_id", "collection_id", "number", name="uq_search_indexes_org_id_collection_id_number"),
    )


def name_the_index_of_jobs() -> None:
    op.add_column("ingest_jobs", sa.Column("index_id", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE ingest_jobs j SET index_id = c.index_id FROM documents d JOIN collections c "
        "ON c.org_id = d.org_id AND c.id = d.collection_id WHERE d.org_id = j.org_id AND d.id = j.document_id"
    )
    op.alter_column("ingest_jobs", "index_id", nullable=False)
    op.drop_constraint("uq_ingest_jobs_org_id_document_id_generation", "ingest_jobs")
    op.create_unique_constraint(
        "uq_ingest_jobs_org_id_document_id_generation_index_id",
        "ingest_jobs",
        ["org_id", "document_id", "generation", "index_id"],
    )
    op.create_foreign_key(
        "fk_ingest_jobs_org_id_index_id_search_indexes",
        "ingest_jobs",
        "search_indexes",
        ["org_id", "index_id"],
        ["org_id", "id"],
        ondelete="CASCADE",
    )


def give_collections_their_columns_back() -> None:
    for name in ("embedder", *EMBEDDER):
        kind = sa.Integer() if name == "embedder_dims" else sa.Text()
        default = "default" if name == "embedder" else None
        op.add_column("collections", sa.Column(name, kind, nullable=name != "embedder", server_default=default))
    op.alter_column("collections", "embedder", server_default=None)
    for name, value in CHUNK.items():
        kind = sa.Integer() if isinstance(value, int) else sa.Text()
        op.add_column("collections", sa.Column(f"chunk_{name}", kind, nullable=False, server_default=str(value)))
    for name in ("size", "overlap"):
        op.alter_column("collections", f"chunk_{name}", server_default=None)
    for name in ("passages", "words"):
        op.add_column("collections", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(MOVE_OUT)
