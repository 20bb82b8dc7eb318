"""People who sign in elsewhere, without a password here, and issuers whose tokens a project takes as they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard, readable_by

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

PURPOSE = "current_setting('app.purpose', true)"

A_SIGN_IN = f"{PURPOSE} = 'outside:' || id::text OR ({PURPOSE} = 'outside' AND expires_at < now())"
"""The condition of a transaction about one sign-in that has begun; those that are over may be swept away."""

AN_ACCOUNT = f"{PURPOSE} = 'account:' || account_id::text"


def upgrade() -> None:
    op.alter_column("accounts", "password", nullable=True)
    op.add_column("accounts", sa.Column("email_verified_at", sa.DateTime(timezone=True)))
    make_identities()
    make_sign_ins()
    make_trusted_issuers()


def downgrade() -> None:
    op.drop_table("trusted_issuers")
    op.drop_table("outside_sign_ins")
    op.drop_table("account_identities")
    op.drop_column("accounts", "email_verified_at")
    # Who has no password cannot sign in any more: what stands there is no hash, so nothing fits it.
    op.execute("UPDATE accounts SET password = '' WHERE password IS NULL")
    op.alter_column("accounts", "password", nullable=False)


def make_identities() -> None:
    op.create_table(
        "account_identities",
        *identified(),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("email", sa.Text()),
        moment("used_at", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account_identities"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_account_identities_account_id_accounts",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("issuer", "subject", name="uq_account_identities_issuer_subject"),
    )
    op.create_index("ix_account_identities_account_id", "account_identities", ["account_id"])
    guard_by("account_identities", AN_ACCOUNT)
    op.execute(readable_by("account_identities", "identity", f"{PURPOSE} = 'identity:' || issuer || ' ' || subject"))


def make_sign_ins() -> None:
    op.create_table(
        "outside_sign_ins",
        *identified(),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("challenge", sa.Text()),
        moment("expires_at", nullable=False),
        moment("returned_at"),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("issuer", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_outside_sign_ins"),
    )
    op.create_index("ix_outside_sign_ins_expires_at", "outside_sign_ins", ["expires_at"])
    guard_by("outside_sign_ins", A_SIGN_IN)


def make_trusted_issuers() -> None:
    op.create_table(
        "trusted_issuers",
        *identified(),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("audience_claim", sa.Text(), nullable=False),
        sa.Column("user_claim", sa.Text(), nullable=False),
        sa.Column("groups_claim", sa.Text()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trusted_issuers"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_trusted_issuers_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_trusted_issuers_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "org_id",
            "project_id",
            "issuer",
            "audience_claim",
            "audience",
            name="uq_trusted_issuers_org_id_project_id_issuer_audience",
        ),
    )
    op.create_index("ix_trusted_issuers_issuer", "trusted_issuers", ["issuer"])
    for statement in guard("trusted_issuers"):
        op.execute(statement)
    op.execute(readable_by("trusted_issuers", "issuer", f"{PURPOSE} = 'issuer:' || issuer"))


def guard_by(table: str, condition: str) -> None:
    """Rows of no organization: open to a transaction that says which of them it is about, and to nobody else."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_own ON {table} USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}")


def identified() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )


def moment(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
