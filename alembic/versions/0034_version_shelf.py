"""Versions are deprecated, yanked and restored; what nothing refers to is emptied; texts of specs are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

ORG = "nullif(current_setting('app.org_id', true), '')::uuid"
DAYS = ("versions_days", "yanked_days")

# The one change that a version may see: its plan and its text go, and that is noted. All else stays as it was.
KEEP = """
CREATE FUNCTION keep_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  large CONSTANT text[] := ARRAY['plan', 'source', 'collected_at'];
BEGIN
  IF TG_OP = 'DELETE' AND pg_trigger_depth() > 1 THEN
    RETURN OLD;
  END IF;
  IF TG_OP = 'UPDATE' AND OLD.collected_at IS NULL AND NEW.collected_at IS NOT NULL
     AND NEW.source = '' AND NEW.plan::text = '{}' AND to_jsonb(NEW) - large = to_jsonb(OLD) - large THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

# An alias that is led to a version while that is being emptied waits for it, and is refused.
LEADS = """
CREATE FUNCTION lead_to_kept_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM agent_versions v
             WHERE v.org_id = NEW.org_id AND v.id = NEW.version_id AND v.collected_at IS NOT NULL) THEN
    RAISE EXCEPTION 'the version was collected' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$
"""

# Nobody but the owner may change a version, so this does it for the application: for its own organization, and only
# where nothing refers to the version that is not emptied together with it. A run that has ended counts from `since` on.
COLLECT = f"""
CREATE FUNCTION collect_versions(wanted uuid[], since timestamptz) RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  org CONSTANT uuid := {ORG};
  going uuid[];
  fewer uuid[];
BEGIN
  PERFORM FROM agent_versions v WHERE v.org_id = org AND v.id = ANY(wanted) ORDER BY v.id FOR UPDATE;
  SELECT array_agg(v.id) INTO going FROM agent_versions v JOIN agents g ON g.org_id = org AND g.id = v.agent_id
  WHERE v.org_id = org AND v.id = ANY(wanted) AND v.collected_at IS NULL
  AND NOT EXISTS (SELECT FROM agent_aliases a WHERE a.org_id = org AND a.version_id = v.id)
  AND NOT EXISTS (SELECT FROM agent_targets t WHERE t.org_id = org AND t.version_id = v.id)
  AND NOT EXISTS (SELECT FROM agent_guards w
                  WHERE w.org_id = org AND w.old_version_id = v.id AND w.state = 'watching')
  AND NOT EXISTS (SELECT FROM threads t WHERE t.org_id = org AND t.project_id = v.project_id
                  AND t.agent IN (g.name || '@' || v.version, g.name || '@' || v.digest))
  AND NOT EXISTS (SELECT FROM schedules s WHERE s.org_id = org AND s.project_id = v.project_id
                  AND s.agent IN (g.name || '@' || v.version, g.name || '@' || v.digest));
  SELECT array_agg(one) INTO going FROM unnest(going) one WHERE one NOT IN (
    SELECT r.version_id FROM runs r
    WHERE r.org_id = org AND (r.finished_at IS NULL OR since IS NULL OR r.finished_at >= since)
  );
  LOOP
    SELECT array_agg(v.id) INTO fewer FROM agent_versions v
    WHERE v.org_id = org AND v.id = ANY(going) AND (v.project_id, v.digest) NOT IN (
      SELECT o.project_id, named[1]
      FROM agent_versions o, regexp_matches(o.plan::text, 'sha256:[0-9a-f]{{64}}', 'g') named
      WHERE o.org_id = org AND o.collected_at IS NULL AND o.id <> ALL(going) AND named[1] <> o.digest
    );
    EXIT WHEN fewer IS NULL OR cardinality(fewer) = cardinality(going);
    going := fewer;
  END LOOP;
  RETURN QUERY UPDATE agent_versions v SET plan = '{{}}', source = '', collected_at = now()
  WHERE v.org_id = org AND v.id = ANY(fewer) RETURNING v.id;
END $$
"""

# No run begins with a version that was emptied since somebody looked up what a reference means.
MEANT = "v.id = p_version_id AND ("
MEANT_AND_KEPT = "v.id = p_version_id AND v.collected_at IS NULL AND ("


def upgrade() -> None:
    op.add_column("agent_versions", sa.Column("collected_at", sa.DateTime(timezone=True)))
    for name in DAYS:
        op.add_column("retention_policies", sa.Column(name, sa.Float()))
    make_marks()
    make_texts()
    for statement in (KEEP, LEADS, COLLECT):
        op.execute(statement)
    op.execute("DROP TRIGGER agent_versions_immutable ON agent_versions")
    op.execute(
        "CREATE TRIGGER agent_versions_immutable BEFORE UPDATE OR DELETE ON agent_versions "
        "FOR EACH ROW EXECUTE FUNCTION keep_version()"
    )
    op.execute(
        "CREATE TRIGGER agent_aliases_kept AFTER INSERT OR UPDATE OF version_id ON agent_aliases "
        "FOR EACH ROW EXECUTE FUNCTION lead_to_kept_version()"
    )
    _replace("is_meant", MEANT, MEANT_AND_KEPT)
    op.execute("REVOKE ALL ON FUNCTION collect_versions(uuid[], timestamptz) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION collect_versions(uuid[], timestamptz) TO {APP_ROLE}")


def make_marks() -> None:
    owned_table(
        "version_marks",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("replaced_by", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("mark IN ('deprecated', 'yanked', 'restored')", name="ck_version_marks_mark"),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id", "version_id"],
            ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"],
            name="fk_version_marks_org_id_agent_id_version_id_agent_versions",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_version_marks_org_id_version_id_created_at_id",
        "version_marks",
        ["org_id", "version_id", "created_at", "id"],
    )
    op.create_index("ix_version_marks_org_id_project_id", "version_marks", ["org_id", "project_id"])
    op.execute(
        "CREATE TRIGGER version_marks_immutable BEFORE UPDATE OR DELETE ON version_marks "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE ON version_marks FROM {APP_ROLE}")
    # Who keeps in memory what references mean hears of marks as of aliases that were led elsewhere.
    op.execute(
        "CREATE CONSTRAINT TRIGGER version_marks_changed AFTER INSERT ON version_marks "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_agents_changed()"
    )


def make_texts() -> None:
    owned_table(
        "spec_texts",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.UniqueConstraint(
            "org_id", "project_id", "kind", "name", "digest", name="uq_spec_texts_org_id_project_id_kind_name_digest"
        ),
    )


def owned_table(name: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name=f"fk_{name}_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name=f"fk_{name}_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    )
    for statement in guard(name):
        op.execute(statement)


def _replace(function: str, old: str, new: str) -> None:
    """Put one passage of a function in place of another: the rest stays as the migrations before left it."""
    source: str = op.get_bind().scalar(sa.text(f"SELECT pg_get_functiondef('{function}'::regproc)"))
    if source.count(old) != 1:
        raise RuntimeError(f"{function} is not the function that this migration changes")
    op.execute(sa.text(source.replace(old, new).replace(":", r"\:")))


def downgrade() -> None:
    _replace("is_meant", MEANT_AND_KEPT, MEANT)
    op.execute("DROP TRIGGER agent_aliases_kept ON agent_aliases")
    op.execute("DROP TRIGGER agent_versions_immutable ON agent_versions")
    op.execute(
        "CREATE TRIGGER agent_versions_immutable BEFORE UPDATE OR DELETE ON agent_versions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute("DROP FUNCTION collect_versions(uuid[], timestamptz)")
    for function in ("keep_version", "lead_to_kept_version"):
        op.execute(f"DROP FUNCTION {function}()")
    op.drop_table("spec_texts")
    op.drop_table("version_marks")
    for name in DAYS:
        op.drop_column("retention_policies", name)
    op.drop_column("agent_versions", "collected_at")
