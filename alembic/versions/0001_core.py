"""Organizations, projects, keys, models, tools, agents and their versions, and the role the application works as."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from girih.db.tenancy import APP_ROLE, guard, guard_root, readable_by, speaking_for, speaking_for_row
from girih.errors import Unavailable

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TENANT_TABLES = ("projects", "api_keys", "models", "tools", "agents", "agent_versions", "agent_aliases")


def upgrade() -> None:
    make_role()
    make_extension()
    make_organizations()
    make_registry()
    make_agents()
    guard_tables()


def downgrade() -> None:
    for table in reversed(("organizations", *TENANT_TABLES)):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE USAGE ON SEQUENCES FROM {APP_ROLE}")
    op.execute(f"REVOKE SELECT ON alembic_version FROM {APP_ROLE}")


def make_role() -> None:
    """The application's role. It outlives a downgrade: other databases of the server may use it."""
    if not ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{APP_ROLE}'"):
        if not ask("SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreaterole)"):
            login = op.get_bind().scalar(sa.text("SELECT quote_ident(current_user)"))
            raise Unavailable(
                f"the database has no role `{APP_ROLE}`, and this login may not create one",
                help=f"let a superuser run: CREATE ROLE {APP_ROLE} NOLOGIN; GRANT {APP_ROLE} TO {login}",
            )
        op.execute(f"CREATE ROLE {APP_ROLE} NOLOGIN")
    # One login for both, migrations and application, must be able to step down to the role. A login that may not grant
    # it is not the application's login: that one was granted the role by whoever created it, or is the role.
    op.execute(
        f"DO $$ BEGIN EXECUTE format('GRANT {APP_ROLE} TO %I', current_user); "
        "EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
    )
    if not ask(f"SELECT 1 WHERE has_schema_privilege('{APP_ROLE}', 'public', 'USAGE')"):
        op.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}")
    op.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {APP_ROLE}")
    op.execute(f"GRANT SELECT ON alembic_version TO {APP_ROLE}")


def make_extension() -> None:
    if ask("SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
        return
    if not ask("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
        raise Unavailable(
            "the PostgreSQL server does not have the extension `vector` (pgvector)",
            help="install pgvector on the server, or use the image pgvector/pgvector",
        )
    trusted = "SELECT 1 FROM pg_available_extension_versions WHERE name = 'vector' AND trusted"
    if not ask("SELECT 1 FROM pg_roles WHERE rolname = current_user AND rolsuper") and not ask(trusted):
        raise Unavailable(
            "the database does not have the extension `vector`, and this login may not create it",
            help="let a superuser run in this database: CREATE EXTENSION vector",
        )
    op.execute("CREATE EXTENSION vector")


def ask(question: str) -> bool:
    """Whether the query finds a row."""
    return op.get_bind().scalar(sa.text(question)) is not None


def identified() -> list[sa.Column]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    ]


def org_owned(table: str, *items: sa.schema.SchemaItem) -> None:
    """A table with the columns of `OrgOwned`."""
    op.create_table(
        table,
        *identified(),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        *items,
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name=f"fk_{table}_org_id_organizations", ondelete="CASCADE"
        ),
    )


def project_owned(table: str, *items: sa.schema.SchemaItem) -> None:
    """A table with the columns of `ProjectOwned`."""
    org_owned(
        table,
        sa.Column("project_id", sa.Uuid(), nullable=False),
        *items,
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name=f"fk_{table}_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    )


def unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{'_'.join(columns)}")


def make_organizations() -> None:
    op.create_table(
        "organizations",
        *identified(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organizations"),
        unique("organizations", "name"),
    )
    org_owned(
        "projects",
        sa.Column("name", sa.Text(), nullable=False),
        unique("projects", "org_id", "id"),
        unique("projects", "org_id", "name"),
    )
    project_owned(
        "api_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_api_keys_org_id_project_id", "api_keys", ["org_id", "project_id"])


def make_registry() -> None:
    for table in ("models", "tools"):
        project_owned(
            table,
            sa.Column("name", sa.Text(), nullable=False),
            sa.Column("document", sa.JSON(), nullable=False),
            sa.Column("digest", sa.Text(), nullable=False),
            sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
            unique(table, "org_id", "project_id", "name"),
        )


def make_agents() -> None:
    project_owned(
        "agents",
        sa.Column("name", sa.Text(), nullable=False),
        unique("agents", "org_id", "id"),
        unique("agents", "org_id", "project_id", "name"),
    )
    project_owned(
        "agent_versions",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id"],
            ["agents.org_id", "agents.id"],
            name="fk_agent_versions_org_id_agent_id_agents",
            ondelete="CASCADE",
        ),
        unique("agent_versions", "org_id", "id"),
        unique("agent_versions", "org_id", "agent_id", "id"),
        unique("agent_versions", "org_id", "agent_id", "number"),
        unique("agent_versions", "org_id", "agent_id", "version"),
    )
    op.create_index("ix_agent_versions_org_id_project_id_digest", "agent_versions", ["org_id", "project_id", "digest"])
    project_owned(
        "agent_aliases",
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id", "version_id"],
            ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"],
            name="fk_agent_aliases_org_id_agent_id_version_id_agent_versions",
            ondelete="CASCADE",
        ),
        unique("agent_aliases", "org_id", "agent_id", "alias"),
    )


def guard_tables() -> None:
    for table in TENANT_TABLES:
        execute_all(guard(table))
    execute_all(guard_root("organizations"))
    op.execute(readable_by("organizations", "bootstrap", speaking_for("bootstrap")))
    op.execute(readable_by("api_keys", "sign_in", speaking_for_row("sign_in")))
    # A published version never changes. Its deletion reaches it only by way of the agent's (trigger depth 2).
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF TG_OP = 'DELETE' AND pg_trigger_depth() > 1 THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        "CREATE TRIGGER agent_versions_immutable BEFORE UPDATE OR DELETE ON agent_versions "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE ON agent_versions FROM {APP_ROLE}")


def execute_all(statements: list[str]) -> None:
    for statement in statements:
        op.execute(statement)
