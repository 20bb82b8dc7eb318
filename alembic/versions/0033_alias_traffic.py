"""Aliases may be protected, share their traffic out among versions, and be watched; processes hear that they moved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TABLES = ("agent_protections", "agent_targets", "agent_proposals", "agent_guards", "agent_revisions")
WATCHED = ("agents", "agent_aliases", "agent_targets", "agent_versions")
FUNCTIONS = (
    "version_of_thread(uuid, uuid, text, text, uuid)",
    "is_meant(uuid, text, uuid)",
    "note_agents_changed()",
)


def upgrade() -> None:
    op.add_column("agent_moves", sa.Column("details", sa.JSON()))
    for table, columns in _columns().items():
        op.create_table(table, *_owned(table), *columns)
        for statement in guard(table):
            op.execute(statement)
    op.create_index("ix_agent_proposals_org_id_project_id_id", "agent_proposals", ["org_id", "project_id", "id"])
    op.create_index("ix_agent_guards_org_id_agent_id_alias", "agent_guards", ["org_id", "agent_id", "alias"])
    op.create_index(
        "ix_agent_guards_watching",
        "agent_guards",
        ["org_id", "agent_id", "alias"],
        unique=True,
        postgresql_where=sa.text("state = 'watching'"),
    )
    op.create_index(
        "ix_runs_of_version",
        "runs",
        ["org_id", "version_id", "finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    for table in ("agent_guards", "agent_revisions"):
        op.execute(readable_by(table, "reconcile", speaking_for("reconcile")))
    op.execute(NOTE_CHANGED)
    for table in WATCHED:
        op.execute(
            f"CREATE CONSTRAINT TRIGGER {table}_changed AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_agents_changed()"
        )
    op.execute(IS_MEANT)
    op.execute(VERSION_OF_THREAD)
    _replace("open_run", MEANT_BEFORE, MEANT)
    _replace("open_linked_run", OPENED_BEFORE, OPENED)


def downgrade() -> None:
    _replace("open_linked_run", OPENED, OPENED_BEFORE)
    _replace("open_run", MEANT, MEANT_BEFORE)
    for table in WATCHED:
        op.execute(f"DROP TRIGGER {table}_changed ON {table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.drop_index("ix_runs_of_version", "runs")
    for table in TABLES:
        op.drop_table(table)
    op.drop_column("agent_moves", "details")


def _owned(table: str) -> list[sa.schema.SchemaItem]:
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


def _agent(table: str, *, nullable: bool = False) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("agent_id", sa.Uuid(), nullable=nullable),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id"],
            ["agents.org_id", "agents.id"],
            name=f"fk_{table}_org_id_agent_id_agents",
            ondelete="CASCADE",
        ),
    ]


def _version(
    table: str, name: str, *, nullable: bool = False, ondelete: str | None = "CASCADE"
) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column(name, sa.Uuid(), nullable=nullable),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id", name],
            ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"],
            name=f"fk_{table}_org_id_agent_id_{name}_agent_versions",
            ondelete=ondelete,
        ),
    ]


def _at(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    default = sa.func.now() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable)


def _columns() -> dict[str, list[sa.schema.SchemaItem]]:
    return {
        "agent_protections": [
            *_agent("agent_protections", nullable=True),
            sa.Column("protected_by", sa.Text(), nullable=False),
            sa.UniqueConstraint(
                "org_id",
                "project_id",
                "agent_id",
                "alias",
                name="uq_agent_protections_org_id_project_id_agent_id_alias",
                postgresql_nulls_not_distinct=True,
            ),
        ],
        "agent_targets": [
            *_agent("agent_targets"),
            # Not deleted with a version: a share of the traffic is not to go nowhere without anybody's wish.
            *_version("agent_targets", "version_id", ondelete=None),
            sa.Column("weight", sa.Integer(), nullable=False),
            sa.CheckConstraint("weight BETWEEN 1 AND 99", name=op.f("ck_agent_targets_weight")),
            sa.UniqueConstraint(
                "org_id", "agent_id", "alias", "version_id", name="uq_agent_targets_org_id_agent_id_alias_version_id"
            ),
        ],
        "agent_proposals": [
            *_agent("agent_proposals"),
            sa.Column("action", sa.Text(), nullable=False),
            sa.Column("wanted", sa.JSON(), nullable=False),
            sa.Column("base", sa.Uuid()),
            sa.Column("comment", sa.Text()),
            sa.Column("proposed_by", sa.Text(), nullable=False),
            _at("expires_at", nullable=False),
            sa.Column("state", sa.Text(), server_default="open", nullable=False),
            sa.Column("decided_by", sa.Text()),
            _at("decided_at"),
            sa.Column("decision", sa.Text()),
            sa.CheckConstraint("action IN ('set', 'split', 'remove')", name=op.f("ck_agent_proposals_action")),
            sa.CheckConstraint(
                "state IN ('open', 'approved', 'refused', 'withdrawn')", name=op.f("ck_agent_proposals_state")
            ),
            sa.CheckConstraint(
                "state NOT IN ('approved', 'refused') OR decided_by <> proposed_by",
                name=op.f("ck_agent_proposals_second_person"),
            ),
            sa.CheckConstraint("(state = 'open') = (decided_by IS NULL)", name=op.f("ck_agent_proposals_decided")),
        ],
        "agent_guards": [
            *_agent("agent_guards"),
            *_version("agent_guards", "old_version_id"),
            sa.Column("bounds", sa.JSON(), nullable=False),
            sa.Column("state", sa.Text(), server_default="watching", nullable=False),
            sa.Column("figures", sa.JSON()),
            _at("checked_at", nullable=False, now=True),
            _at("ended_at"),
            sa.CheckConstraint(
                "state IN ('watching', 'rolled_back', 'passed', 'superseded')", name=op.f("ck_agent_guards_state")
            ),
            sa.CheckConstraint("(state = 'watching') = (ended_at IS NULL)", name=op.f("ck_agent_guards_ended")),
        ],
        "agent_revisions": [
            sa.Column("revision", sa.BigInteger(), nullable=False),
            sa.UniqueConstraint("org_id", "project_id", name="uq_agent_revisions_org_id_project_id"),
        ],
    }


def _replace(function: str, old: str, new: str) -> None:
    """Put one passage of a function in place of another: the rest stays as the migrations before left it."""
    source: str = op.get_bind().scalar(sa.text(f"SELECT pg_get_functiondef('{function}'::regproc)"))
    if source.count(old) != 1:
        raise RuntimeError(f"{function} is not the function that this migration changes")
    op.execute(sa.text(source.replace(old, new).replace(":", r"\:")))


# Who keeps in memory what references mean learns by this that it may be something else now: at once by the doorbell,
# and, should that be missed, by the number, which is another one after each transaction that changed something. It is
# called when such a transaction commits, so that nobody waits for another's transaction longer than that takes.
NOTE_CHANGED = """
CREATE FUNCTION note_agents_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_org uuid := coalesce(NEW.org_id, OLD.org_id); v_project uuid := coalesce(NEW.project_id, OLD.project_id);
  v_now bigint := pg_current_xact_id()::text::bigint;
BEGIN
  INSERT INTO agent_revisions AS known (id, org_id, project_id, revision)
  SELECT gen_random_uuid(), p.org_id, p.id, v_now FROM projects p WHERE p.org_id = v_org AND p.id = v_project
  ON CONFLICT (org_id, project_id) DO UPDATE SET revision = v_now WHERE known.revision <> v_now;
  PERFORM pg_notify('girih_doorbell', 'a' || replace(v_project::text, '-', ''));
  RETURN NULL;
END $$
"""

# Whether a run of that version may begin, and whether the alias that led to it, if one did, still leads there: it is
# the version it points at, or one that has a share of its traffic.
IS_MEANT = """
CREATE FUNCTION is_meant(p_org uuid, p_alias text, p_version_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM agent_versions v WHERE v.org_id = p_org AND v.id = p_version_id AND (
      p_alias IS NULL
      OR EXISTS (
        SELECT FROM agent_aliases a WHERE a.org_id = p_org AND a.agent_id = v.agent_id AND a.alias = p_alias
        AND a.version_id = v.id
      )
      OR EXISTS (
        SELECT FROM agent_targets t WHERE t.org_id = p_org AND t.agent_id = v.agent_id AND t.alias = p_alias
        AND t.version_id = v.id
      )
    )
  );
END $$
"""

# The version that the agent's last run on the thread had, if the alias shares its traffic out and that version still
# has a part of it; else NULL. A conversation is not handed from one version to another because shares have changed.
VERSION_OF_THREAD = """
CREATE FUNCTION version_of_thread(
  p_org uuid, p_thread uuid, p_agent text, p_alias text, p_version_id uuid
) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE v_agent uuid; v_last uuid;
BEGIN
  IF p_alias IS NULL OR p_thread IS NULL THEN RETURN NULL; END IF;
  SELECT v.agent_id INTO v_agent FROM agent_versions v
  WHERE v.org_id = p_org AND v.id = p_version_id AND EXISTS (
    SELECT FROM agent_targets t WHERE t.org_id = p_org AND t.agent_id = v.agent_id AND t.alias = p_alias
  );
  IF v_agent IS NULL THEN RETURN NULL; END IF;
  SELECT r.version_id INTO v_last FROM runs r
  WHERE r.org_id = p_org AND r.thread_id = p_thread AND r.agent = p_agent ORDER BY r.thread_seq DESC LIMIT 1;
  RETURN (
    SELECT t.version_id FROM agent_targets t
    WHERE t.org_id = p_org AND t.agent_id = v_agent AND t.alias = p_alias AND t.version_id = v_last
  );
END $$
"""

MEANT_BEFORE = """\
  IF NOT EXISTS (
    SELECT FROM agent_versions v WHERE v.org_id = p_org AND v.id = p_version_id AND (p_alias IS NULL OR EXISTS (
      SELECT FROM agent_aliases a WHERE a.org_id = p_org AND a.agent_id = v.agent_id AND a.alias = p_alias
      AND a.version_id = v.id
    ))
  ) THEN RETURN ''; END IF;
"""
MEANT = "  IF NOT is_meant(p_org, p_alias, p_version_id) THEN RETURN ''; END IF;\n"

OPENED_BEFORE = """\
    IF open_runs IS NOT NULL THEN at_once := NULL; END IF;
  END IF;
"""
OPENED = """\
    IF open_runs IS NOT NULL THEN at_once := NULL; END IF;
    IF version_of_thread(p_org, v_thread, p_agent, p_alias, p_version_id) <> p_version_id THEN
      RETURN json_build_object(
        'stamp', '', 'keeps', version_of_thread(p_org, v_thread, p_agent, p_alias, p_version_id)
      )::text;
    END IF;
  END IF;
"""
