"""Units of organizations, service accounts, other owners, exports, and organizations that are halted or end."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard, readable_by, speaking_for

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

STATES = ("suspended_at", "deletes_at", "purging_at", "deleted_at")

MINE = "nullif(current_setting('app.org_id', true), '')::uuid"

AN_ACCOUNT = "current_setting('app.purpose', true) = 'account:' || {}::text"

BELONGS = (
    "current_setting('app.purpose', true) LIKE 'account:%' AND EXISTS (SELECT FROM memberships m WHERE m.org_id = {})"
)

HALTED = "(suspended_at IS NOT NULL OR deletes_at IS NOT NULL) AND deleted_at IS NULL"

# The organizations whose work waits, as far as the transaction may see them.
HALTED_ORGANIZATIONS = f"""
CREATE FUNCTION halted_organizations() RETURNS uuid[] LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce(array_agg(id), '{{}}') FROM organizations WHERE {HALTED}
$$
"""

AT_WORK = "org_id <> ALL ((SELECT halted_organizations())::uuid[])"

# Who works in the background finds nothing of a halted organization. What was given up before is still removed.
PAUSED = ("reconcile", "sweep", "ingest")
NOT_PAUSED = ("loose_points", "organizations", "discarded_files", "agent_revisions")

# The end is begun once its time has come, and is then the only way on: whatever the application's role does, it cannot
# have one row removed that never changes and keep the organization.
BEGIN_PURGE = f"""
CREATE FUNCTION begin_purge() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE org uuid := {MINE};
BEGIN
  UPDATE organizations SET purging_at = now()
  WHERE id = org AND deletes_at <= now() AND purging_at IS NULL;
  RETURN EXISTS (SELECT FROM organizations WHERE id = org AND purging_at IS NOT NULL AND deleted_at IS NULL);
END $$
"""

PURGE_ROWS = f"""
CREATE FUNCTION purge_rows(p_schema text, p_table text, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE org uuid := {MINE}; gone bigint;
BEGIN
  IF NOT EXISTS (
    SELECT FROM organizations WHERE id = org AND purging_at IS NOT NULL AND deleted_at IS NULL
  ) OR NOT EXISTS (
    SELECT FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace::regnamespace::text = p_schema AND c.relname = p_table AND c.relkind = 'r'
    AND p_schema IN ('public', 'shelves') AND a.attname = 'org_id' AND NOT a.attisdropped
  ) THEN
    RAISE EXCEPTION 'nothing of this may be removed' USING ERRCODE = 'restrict_violation';
  END IF;
  EXECUTE format('DELETE FROM %I.%I WHERE ctid = ANY(ARRAY(SELECT ctid FROM %I.%I WHERE org_id = $1 LIMIT $2))',
                 p_schema, p_table, p_schema, p_table) USING org, p_limit;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$
"""

# No living organization can have this name: it is not printable.
END_PURGE = f"""
CREATE FUNCTION end_purge() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE org uuid := {MINE};
BEGIN
  UPDATE organizations SET deleted_at = now(), name = 'deleted' || chr(10) || id::text
  WHERE id = org AND purging_at IS NOT NULL AND deleted_at IS NULL;
END $$
"""

KEEP_GOING = """
CREATE FUNCTION keep_going() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.purging_at, NEW.deletes_at, NEW.suspended_at) IS DISTINCT FROM
     (OLD.purging_at, OLD.deletes_at, OLD.suspended_at) THEN
    RAISE EXCEPTION 'this organization is being removed' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""

GOES_WITH_ALL = (
    "TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' AND EXISTS "
    "(SELECT FROM organizations o WHERE o.id = OLD.org_id AND o.purging_at IS NOT NULL)"
)
FIRST = "TG_OP = 'DELETE' AND pg_trigger_depth() > 1"
REFUSALS = ("refuse_change", "keep_version")


def upgrade() -> None:
    make_units()
    make_service_accounts()
    make_transfers()
    make_exports()
    let_organizations_end()
    let_their_work_wait()


def downgrade() -> None:
    resume_their_work()
    keep_organizations()
    for table in ("organization_exports", "ownership_transfers"):
        op.drop_table(table)
    op.drop_column("api_keys", "service_account_id")
    op.drop_table("service_grants")
    op.drop_table("service_accounts")
    unmake_units()


def make_units() -> None:
    org_owned(
        "units",
        sa.Column("parent_id", sa.Uuid()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.UniqueConstraint("org_id", "id", name="uq_units_org_id_id"),
        sa.UniqueConstraint(
            "org_id", "parent_id", "name", name="uq_units_org_id_parent_id_name", postgresql_nulls_not_distinct=True
        ),
        of("units", "parent_id", "units"),
    )
    op.execute(readable_by("units", "account", BELONGS.format("units.org_id")))
    for table in ("projects", "role_grants"):
        op.add_column(table, sa.Column("unit_id", sa.Uuid()))
    op.create_foreign_key(
        "fk_projects_org_id_unit_id_units", "projects", "units", ["org_id", "unit_id"], ["org_id", "id"]
    )
    op.create_foreign_key(
        "fk_role_grants_org_id_unit_id_units",
        "role_grants",
        "units",
        ["org_id", "unit_id"],
        ["org_id", "id"],
        ondelete="CASCADE",
    )
    op.create_check_constraint("ck_role_grants_place", "role_grants", "project_id IS NULL OR unit_id IS NULL")
    unique_grants(["org_id", "account_id", "project_id"], ["org_id", "account_id", "project_id", "unit_id"])


def unmake_units() -> None:
    op.execute("DELETE FROM role_grants WHERE unit_id IS NOT NULL")
    unique_grants(["org_id", "account_id", "project_id", "unit_id"], ["org_id", "account_id", "project_id"])
    op.drop_column("role_grants", "unit_id")
    op.drop_column("projects", "unit_id")
    op.drop_table("units")


def unique_grants(former: list[str], now: list[str]) -> None:
    op.drop_constraint(f"uq_role_grants_{'_'.join(former)}", "role_grants")
    op.create_unique_constraint(
        f"uq_role_grants_{'_'.join(now)}", "role_grants", now, postgresql_nulls_not_distinct=True
    )


def make_service_accounts() -> None:
    org_owned(
        "service_accounts",
        sa.Column("project_id", sa.Uuid()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("org_id", "id", name="uq_service_accounts_org_id_id"),
        sa.UniqueConstraint("org_id", "name", name="uq_service_accounts_org_id_name"),
        of("service_accounts", "project_id", "projects"),
    )
    org_owned(
        "service_grants",
        sa.Column("service_account_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid()),
        sa.Column("unit_id", sa.Uuid()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        of("service_grants", "service_account_id", "service_accounts"),
        of("service_grants", "project_id", "projects"),
        of("service_grants", "unit_id", "units"),
        sa.CheckConstraint("project_id IS NULL OR unit_id IS NULL", name="ck_service_grants_place"),
        sa.UniqueConstraint(
            "org_id",
            "service_account_id",
            "project_id",
            "unit_id",
            name="uq_service_grants_org_id_service_account_id_project_id_unit_id",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.add_column("api_keys", sa.Column("service_account_id", sa.Uuid()))
    op.create_foreign_key(
        "fk_api_keys_org_id_service_account_id_service_accounts",
        "api_keys",
        "service_accounts",
        ["org_id", "service_account_id"],
        ["org_id", "id"],
        ondelete="CASCADE",
    )
    op.create_index("ix_api_keys_org_id_service_account_id", "api_keys", ["org_id", "service_account_id"])


def make_transfers() -> None:
    org_owned(
        "ownership_transfers",
        sa.Column("from_id", sa.Uuid(), nullable=False),
        sa.Column("to_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        # Both have to be members still: whoever leaves takes an offer along.
        member("ownership_transfers", "from_id"),
        member("ownership_transfers", "to_id"),
        sa.UniqueConstraint("org_id", name="uq_ownership_transfers_org_id"),
    )
    op.create_index("ix_ownership_transfers_to_id", "ownership_transfers", ["to_id"])
    op.execute(readable_by("ownership_transfers", "account", AN_ACCOUNT.format("to_id")))


def make_exports() -> None:
    org_owned(
        "organization_exports",
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("taken_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("size", sa.BigInteger()),
        sa.Column("sha256", sa.Text()),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'ready', 'failed', 'expired')", name="ck_organization_exports_status"
        ),
    )
    op.create_index("ix_organization_exports_org_id_created_at", "organization_exports", ["org_id", "created_at"])
    op.execute(readable_by("organization_exports", "reconcile", speaking_for("reconcile")))


def let_organizations_end() -> None:
    for name in STATES:
        op.add_column("organizations", sa.Column(name, sa.DateTime(timezone=True)))
    op.create_index("ix_organizations_halted", "organizations", ["id"], postgresql_where=sa.text(HALTED))
    # Nobody but the two functions says that an organization is being removed, or was; and deleting its row would take
    # along everything of it at once, the audit log too.
    op.execute(f"REVOKE UPDATE, DELETE ON organizations FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE (name, suspended_at, deletes_at) ON organizations TO {APP_ROLE}")
    for statement in (KEEP_GOING, BEGIN_PURGE, PURGE_ROWS, END_PURGE):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER organizations_keep_going BEFORE UPDATE ON organizations FOR EACH ROW "
        "WHEN (OLD.purging_at IS NOT NULL) EXECUTE FUNCTION keep_going()"
    )
    for function in ("begin_purge()", "purge_rows(text, text, integer)", "end_purge()"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {APP_ROLE}")
    for name in REFUSALS:
        _replace(name, f"IF {FIRST} THEN", f"IF {FIRST} OR ({GOES_WITH_ALL}) THEN")
    op.execute(
        readable_by("organizations", "purge", f"{speaking_for('purge')} AND deletes_at <= now() AND deleted_at IS NULL")
    )


def keep_organizations() -> None:
    op.execute("DROP POLICY organizations_purge ON organizations")
    for name in REFUSALS:
        _replace(name, f"IF {FIRST} OR ({GOES_WITH_ALL}) THEN", f"IF {FIRST} THEN")
    op.execute("DROP TRIGGER organizations_keep_going ON organizations")
    for function in ("keep_going()", "begin_purge()", "purge_rows(text, text, integer)", "end_purge()"):
        op.execute(f"DROP FUNCTION {function}")
    op.execute(f"REVOKE UPDATE (name, suspended_at, deletes_at) ON organizations FROM {APP_ROLE}")
    op.execute(f"GRANT UPDATE, DELETE ON organizations TO {APP_ROLE}")
    op.drop_index("ix_organizations_halted", "organizations")
    for name in reversed(STATES):
        op.drop_column("organizations", name)


def let_their_work_wait() -> None:
    op.execute(HALTED_ORGANIZATIONS)
    for purpose in PAUSED:
        speaks = (
            "current_setting('app.purpose', true) LIKE 'ingest:%'" if purpose == "ingest" else speaking_for(purpose)
        )
        op.execute(readable_by("organizations", purpose, f"{speaks} AND {HALTED}"))
    for table, policy, condition in background_policies():
        op.execute(sa.text(_escaped(f"ALTER POLICY {policy} ON {table} USING (({condition}) AND {AT_WORK})")))


def resume_their_work() -> None:
    for table, policy, condition in background_policies():
        before, found, _ = condition.rpartition(" AND (org_id <> ALL")
        if not found:
            raise RuntimeError(f"{policy} is not the policy that this migration made")
        op.execute(sa.text(_escaped(f"ALTER POLICY {policy} ON {table} USING ({before.removeprefix('(')})")))
    for purpose in PAUSED:
        op.execute(f"DROP POLICY organizations_{purpose} ON organizations")
    op.execute("DROP FUNCTION halted_organizations()")


def background_policies() -> Sequence[tuple[str, str, str]]:
    """Table, policy and condition of all that lets background work see rows of every organization."""
    rows = op.get_bind().execute(
        sa.text(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename), quote_ident(policyname), qual "
            "FROM pg_policies WHERE cmd = 'SELECT' AND tablename <> ALL(CAST(:kept AS text[])) "
            "AND policyname = ANY(ARRAY(SELECT tablename || '_' || unnest(CAST(:purposes AS text[])))) ORDER BY 1, 2"
        ),
        {"kept": list(NOT_PAUSED), "purposes": list(PAUSED)},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def org_owned(name: str, *rest: sa.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        *rest,
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name=f"fk_{name}_org_id_organizations", ondelete="CASCADE"
        ),
    )
    for statement in guard(name):
        op.execute(statement)


def of(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        [f"{target}.org_id", f"{target}.id"],
        name=f"fk_{table}_org_id_{column}_{target}",
        ondelete="CASCADE",
    )


def member(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", column],
        ["memberships.org_id", "memberships.account_id"],
        name=f"fk_{table}_org_id_{column}_memberships",
        ondelete="CASCADE",
    )


def _replace(function: str, old: str, new: str) -> None:
    """Put one passage of a function in place of another: the rest stays as the migrations before left it."""
    source: str = op.get_bind().scalar(sa.text(f"SELECT pg_get_functiondef('{function}'::regproc)"))
    if source.count(old) != 1:
        raise RuntimeError(f"{function} is not the function that this migration changes")
    op.execute(sa.text(_escaped(source.replace(old, new))))


def _escaped(statement: str) -> str:
    return statement.replace(":", r"\:")
