"""Syncs number their changes and say them, and collections that are deleted go in steps, unseen from the first on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import readable_by, speaking_for

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NUMBER_CHANGES = """
CREATE FUNCTION syncs_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR (NEW.status, NEW.stage, NEW.listed, NEW.removed, NEW.total, NEW.reason)
     IS DISTINCT FROM (OLD.status, OLD.stage, OLD.listed, OLD.removed, OLD.total, OLD.reason) THEN
    NEW.revision := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE OLD.revision + 1 END;
    PERFORM pg_notify('girih_ingestion', NEW.id::text);
  END IF;
  RETURN NEW;
END $$
"""

# As before, but for a collection that is being deleted: nobody follows it any more either.
NOTE_ENDS = """
CREATE OR REPLACE FUNCTION documents_note_end() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  index uuid;
BEGIN
  -- What goes together with its collection, project or organization needs no note: nobody follows it any more.
  SELECT index_id INTO index FROM collections WHERE org_id = OLD.org_id AND id = OLD.collection_id{more};
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
    op.add_column("syncs", sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("syncs", sa.Column("total", sa.Integer()))
    op.execute(NUMBER_CHANGES)
    op.execute(
        "CREATE TRIGGER syncs_change BEFORE INSERT OR UPDATE ON syncs FOR EACH ROW EXECUTE FUNCTION syncs_change()"
    )
    op.add_column("collections", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_collections_deleted_at", "collections", ["deleted_at"], postgresql_where="deleted_at IS NOT NULL"
    )
    op.execute(readable_by("collections", "reconcile", f"deleted_at IS NOT NULL AND {speaking_for('reconcile')}"))
    op.execute(NOTE_ENDS.replace("{more}", " AND deleted_at IS NULL"))


def downgrade() -> None:
    op.execute(NOTE_ENDS.replace("{more}", ""))
    op.execute("DROP POLICY collections_reconcile ON collections")
    op.drop_index("ix_collections_deleted_at", "collections")
    op.drop_column("collections", "deleted_at")
    op.execute("DROP TRIGGER syncs_change ON syncs")
    op.execute("DROP FUNCTION syncs_change")
    op.drop_column("syncs", "total")
    op.drop_column("syncs", "revision")
