"""Ingestion by stages: lanes and priorities of jobs, a number for each change, and what was embedded before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COLUMNS = ("lane", "priority", "crashes", "reused", "stage_began", "revision")
TABLES = ("document_ends", "cached_embeddings")

NUMBER_CHANGES = """
CREATE FUNCTION ingest_jobs_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR (NEW.status, NEW.stage, NEW.done, NEW.total, NEW.attempts, NEW.reason)
     IS DISTINCT FROM (OLD.status, OLD.stage, OLD.done, OLD.total, OLD.attempts, OLD.reason) THEN
    NEW.revision := nextval('ingest_revisions');
    PERFORM pg_notify('girih_ingestion', NEW.document_id || ' ' || NEW.index_id);
  END IF;
  RETURN NEW;
END $$
"""

NOTE_ENDS = """
CREATE FUNCTION documents_note_end() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  index uuid;
BEGIN
  -- What goes together with its collection, project or organization needs no note: nobody follows it any more.
  SELECT index_id INTO index FROM collections WHERE org_id = OLD.org_id AND id = OLD.collection_id;
  IF index IS NULL OR OLD.org_id IS DISTINCT FROM nullif(current_setting('app.org_id', true), '')::uuid THEN
    RETURN NULL;
  END IF;
  DELETE FROM document_ends WHERE org_id = OLD.org_id AND created_at < now() - interval '1 day';
  INSERT INTO document_ends (org_id, collection_id, document_id, name, revision)
  VALUES (OLD.org_id, OLD.collection_id, OLD.id, OLD.name, nextval('ingest_revisions'));
  PERFORM pg_notify('girih_ingestion', OLD.id || ' ' || index);
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("CREATE SEQUENCE ingest_revisions")
    widen_jobs()
    make_ends()
    make_cache()
    for table in TABLES:
        for statement in guard(table):
            op.execute(statement)
    op.execute(NUMBER_CHANGES)
    op.execute(NOTE_ENDS)
    op.execute(
        "CREATE TRIGGER ingest_jobs_change BEFORE INSERT OR UPDATE ON ingest_jobs "
        "FOR EACH ROW EXECUTE FUNCTION ingest_jobs_change()"
    )
    op.execute(
        "CREATE TRIGGER documents_note_end AFTER DELETE ON documents FOR EACH ROW EXECUTE FUNCTION documents_note_end()"
    )
    op.execute(
        "UPDATE documents d SET status = CASE j.stage WHEN 'parse' THEN 'parsing' WHEN 'chunk' THEN 'chunking' "
        "WHEN 'embed' THEN 'embedding' ELSE 'storing' END FROM ingest_jobs j "
        "WHERE d.status = 'running' AND j.org_id = d.org_id AND j.document_id = d.id AND j.generation = d.generation"
    )


def downgrade() -> None:
    op.execute(
        "UPDATE documents SET status = 'running' WHERE status IN ('parsing', 'chunking', 'embedding', 'storing')"
    )
    op.execute("UPDATE ingest_jobs SET status = 'failed' WHERE status = 'cancelled'")
    op.execute("DROP TRIGGER documents_note_end ON documents")
    op.execute("DROP TRIGGER ingest_jobs_change ON ingest_jobs")
    op.execute("DROP FUNCTION documents_note_end()")
    op.execute("DROP FUNCTION ingest_jobs_change()")
    for table in reversed(TABLES):
        op.drop_table(table)
    for name in ("waiting", "running", "changes"):
        op.drop_index(f"ix_ingest_jobs_{name}", "ingest_jobs")
    for column in reversed(COLUMNS):
        op.drop_column("ingest_jobs", column)
    open_ones = sa.text("status IN ('queued', 'running')")
    op.create_index("ix_ingest_jobs_open", "ingest_jobs", ["org_id", "created_at"], postgresql_where=open_ones)
    op.execute("DROP SEQUENCE ingest_revisions")


def widen_jobs() -> None:
    op.add_column("ingest_jobs", sa.Column("lane", sa.Text(), server_default="parse", nullable=False))
    for column in ("priority", "crashes", "reused"):
        op.add_column("ingest_jobs", sa.Column(column, sa.Integer(), server_default="0", nullable=False))
    op.add_column("ingest_jobs", sa.Column("stage_began", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "ingest_jobs",
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("nextval('ingest_revisions')"), nullable=False),
    )
    # What was embedded by the former version is not found by this one: such jobs begin anew.
    op.execute("UPDATE ingest_jobs SET stage = 'parse', done = 0, total = 0 WHERE status IN ('queued', 'running')")
    op.drop_index("ix_ingest_jobs_open", "ingest_jobs")
    waiting, running = sa.text("status = 'queued'"), sa.text("status = 'running'")
    columns = ["lane", "org_id", "priority", "created_at"]
    op.create_index("ix_ingest_jobs_waiting", "ingest_jobs", columns, postgresql_where=waiting)
    op.create_index("ix_ingest_jobs_running", "ingest_jobs", ["org_id", "lane"], postgresql_where=running)
    op.create_index("ix_ingest_jobs_changes", "ingest_jobs", ["org_id", "index_id", "revision"])


def make_ends() -> None:
    op.create_table(
        "document_ends",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "document_id", name="pk_document_ends"),
        sa.ForeignKeyConstraint(
            ["org_id", "collection_id"],
            ["collections.org_id", "collections.id"],
            name="fk_document_ends_org_id_collection_id_collections",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_document_ends_org_id_collection_id_revision", "document_ends", ["org_id", "collection_id", "revision"]
    )
    op.create_index("ix_document_ends_org_id_created_at", "document_ends", ["org_id", "created_at"])


def make_cache() -> None:
    op.create_table(
        "cached_embeddings",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("used_on", sa.Date(), server_default=sa.text("CURRENT_DATE"), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "fingerprint", "text_hash", name="pk_cached_embeddings"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_cached_embeddings_org_id_organizations", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_cached_embeddings_org_id_used_on", "cached_embeddings", ["org_id", "used_on"])
