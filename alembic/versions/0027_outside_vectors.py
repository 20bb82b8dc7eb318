"""Points in stores outside of the database that are to be looked after: put there ahead of their passages, or left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# For a while after the commit: searches that began before it still read the former passages.
LATER = "now() + interval '10 seconds'"

# What goes together with its organization, or by another hand than the organization's own, is not noted.
MINE = (
    "nullif(current_setting('app.org_id', true), '')::uuid = {org} "
    "AND EXISTS (SELECT FROM organizations o WHERE o.id = {org})"
)

NOTE_POINTS = f"""
CREATE FUNCTION note_loose_points() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO loose_points (org_id, index_id, point_id, store_type, endpoint, due_at)
  SELECT g.org_id, g.index_id, g.id, s.config #>> '{{store,type}}', s.config #>> '{{store,endpoint}}', {LATER}
  FROM gone g JOIN search_indexes s ON s.org_id = g.org_id AND s.id = g.index_id
  WHERE s.config #>> '{{store,endpoint}}' IS NOT NULL AND s.status <> 'removing' AND {MINE.format(org="g.org_id")}
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""

# The index's own id stands for all that the store holds of it.
NOTE_INDEX = f"""
CREATE FUNCTION note_loose_index() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO loose_points (org_id, index_id, point_id, store_type, endpoint, due_at)
  SELECT OLD.org_id, OLD.id, OLD.id, OLD.config #>> '{{store,type}}', OLD.config #>> '{{store,endpoint}}', {LATER}
  WHERE {MINE.format(org="OLD.org_id")}
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "loose_points",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("index_id", sa.Uuid(), nullable=False),
        sa.Column("point_id", sa.Uuid(), nullable=False),
        sa.Column("store_type", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "index_id", "point_id", name="pk_loose_points"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_loose_points_org_id_organizations", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_loose_points_due_at", "loose_points", ["due_at"])
    for statement in (
        *guard("loose_points"),
        readable_by("loose_points", "reconcile", speaking_for("reconcile")),
        NOTE_POINTS,
        NOTE_INDEX,
        "CREATE TRIGGER note_loose_points AFTER DELETE ON chunks REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_loose_points()",
        "CREATE TRIGGER note_loose_index AFTER DELETE ON search_indexes FOR EACH ROW "
        "WHEN (OLD.config #>> '{store,endpoint}' IS NOT NULL) EXECUTE FUNCTION note_loose_index()",
    ):
        op.execute(statement)


def downgrade() -> None:
    for statement in (
        "DROP TRIGGER note_loose_index ON search_indexes",
        "DROP TRIGGER note_loose_points ON chunks",
        "DROP FUNCTION note_loose_index()",
        "DROP FUNCTION note_loose_points()",
    ):
        op.execute(statement)
    op.drop_table("loose_points")
