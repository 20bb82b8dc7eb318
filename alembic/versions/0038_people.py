"""People: accounts that sign in, their sessions, and what they may do in which organization."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard, readable_by, speaking_for_row

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

AN_ACCOUNT = "current_setting('app.purpose', true) = 'account:' || {}::text"
"""The condition of a transaction that speaks for one person, in no organization."""


def upgrade() -> None:
    make_accounts()
    make_members()
    guard_accounts()
    for table in ("memberships", "role_grants", "roles", "invitations"):
        for statement in guard(table):
            op.execute(statement)
    let_people_see_where_they_belong()


def downgrade() -> None:
    op.execute("DROP POLICY organizations_account ON organizations")
    op.execute("DROP POLICY projects_account ON projects")
    op.execute("DROP POLICY accounts_members ON accounts")
    for table in ("invitations", "roles", "role_grants", "memberships", "account_sessions", "accounts"):
        op.drop_table(table)


def make_accounts() -> None:
    op.create_table(
        "accounts",
        *identified(),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        moment("locked_until"),
        moment("suspended_at"),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("email", name="uq_accounts_email"),
    )
    op.create_table(
        "account_sessions",
        *identified(),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("former_hash", sa.LargeBinary()),
        moment("rotated_at", nullable=False),
        moment("expires_at", nullable=False),
        moment("revoked_at"),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_account_sessions"),
        of_account("account_sessions"),
    )
    op.create_index("ix_account_sessions_account_id", "account_sessions", ["account_id"])


def make_members() -> None:
    org_owned(
        "memberships",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        moment("suspended_at"),
        of_account("memberships"),
        sa.UniqueConstraint("org_id", "account_id", name="uq_memberships_org_id_account_id"),
    )
    op.create_index("ix_memberships_account_id", "memberships", ["account_id"])
    org_owned(
        "role_grants",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "account_id"],
            ["memberships.org_id", "memberships.account_id"],
            name="fk_role_grants_org_id_account_id_memberships",
            ondelete="CASCADE",
        ),
        of_project("role_grants"),
        sa.UniqueConstraint(
            "org_id",
            "account_id",
            "project_id",
            name="uq_role_grants_org_id_account_id_project_id",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_role_grants_account_id", "role_grants", ["account_id"])
    org_owned(
        "roles",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("permissions", sa.ARRAY(sa.Text()), nullable=False),
        sa.UniqueConstraint("org_id", "name", name="uq_roles_org_id_name"),
    )
    org_owned(
        "invitations",
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Uuid()),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        moment("expires_at", nullable=False),
        moment("accepted_at"),
        moment("revoked_at"),
        of_project("invitations"),
    )
    op.create_index("ix_invitations_org_id_created_at", "invitations", ["org_id", "created_at"])


def guard_accounts() -> None:
    """A person's rows are open to a transaction that speaks for this person, and to nobody else.

    Who signs in is found by the address that was given, and by nothing but the whole of it.
    """
    for table, owner in (("accounts", "id"), ("account_sessions", "account_id")):
        condition = AN_ACCOUNT.format(owner)
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_own ON {table} USING ({condition}) WITH CHECK ({condition})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")
    op.execute(readable_by("accounts", "address", "current_setting('app.purpose', true) = 'address:' || email"))
    op.execute(readable_by("account_sessions", "session", speaking_for_row("session")))
    op.execute(readable_by("invitations", "invitation", speaking_for_row("invitation")))


def let_people_see_where_they_belong() -> None:
    for table in ("memberships", "role_grants"):
        op.execute(readable_by(table, "account", AN_ACCOUNT.format("account_id")))
    belongs = (
        "current_setting('app.purpose', true) LIKE 'account:%' "
        "AND EXISTS (SELECT FROM memberships m WHERE m.org_id = {})"
    )
    op.execute(readable_by("organizations", "account", belongs.format("organizations.id")))
    op.execute(readable_by("projects", "account", belongs.format("projects.org_id")))
    op.execute(readable_by("roles", "account", belongs.format("roles.org_id")))
    # An organization sees who its members are: the guard of memberships shows it its own only.
    members = "EXISTS (SELECT FROM memberships m WHERE m.account_id = accounts.id)"
    op.execute(readable_by("accounts", "members", members))


def identified() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )


def moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"], ["accounts.id"], name=f"fk_{table}_account_id_accounts", ondelete="CASCADE"
    )


def of_project(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["org_id", "project_id"],
        ["projects.org_id", "projects.id"],
        name=f"fk_{table}_org_id_project_id_projects",
        ondelete="CASCADE",
    )


def org_owned(name: str, *rest: sa.SchemaItem) -> None:
    op.create_table(
        name,
        *identified(),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        *rest,
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name=f"fk_{name}_org_id_organizations", ondelete="CASCADE"
        ),
    )
