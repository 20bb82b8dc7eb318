"""Models are bound to what answers here, each binding kept: what, by whom and when. Deleted documents keep readers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


# As before, with the readers of what is gone: who follows a collection hears of it only if they could read it.
NOTE_ENDS = """
CREATE OR REPLACE FUNCTION documents_note_end() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  index uuid;
BEGIN
  -- What goes together with its collection, project or organization needs no note: nobody follows it any more.
  SELECT index_id INTO index FROM collections
  WHERE org_id = OLD.org_id AND id = OLD.collection_id AND deleted_at IS NULL;
  IF index IS NULL OR OLD.org_id IS DISTINCT FROM nullif(current_setting('app.org_id', true), '')::uuid THEN
    RETURN NULL;
  END IF;
  DELETE FROM document_ends WHERE org_id = OLD.org_id AND created_at < now() - interval '1 day';
  INSERT INTO document_ends (org_id, collection_id, document_id, name, {columns}revision)
  VALUES (OLD.org_id, OLD.collection_id, OLD.id, OLD.name, {values}nextval('ingest_revisions'));
  PERFORM pg_notify('girih_ingestion', OLD.id || ' ' || index);
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.add_column("document_ends", sa.Column("readers", sa.ARRAY(sa.Text())))
    # Whose names were theirs alone is not known of those that are gone already.
    op.execute("ALTER TABLE document_ends NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM document_ends")
    op.execute("ALTER TABLE document_ends FORCE ROW LEVEL SECURITY")
    op.execute(NOTE_ENDS.replace("{columns}", "readers, ").replace("{values}", "OLD.readers, "))
    op.create_table(
        "model_bindings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("binding", sa.JSON(none_as_null=True)),
        sa.Column("origin", sa.Text()),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_bindings"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_model_bindings_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_model_bindings_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "org_id", "project_id", "name", "revision", name="uq_model_bindings_org_id_project_id_name_revision"
        ),
    )
    for statement in guard("model_bindings"):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER model_bindings_immutable BEFORE UPDATE OR DELETE ON model_bindings "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE ON model_bindings FROM {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("model_bindings")
    op.execute(NOTE_ENDS.replace("{columns}", "").replace("{values}", ""))
    op.drop_column("document_ends", "readers")
