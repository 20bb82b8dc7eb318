"""Letters to people with their one-time tokens, mailed invitations, and the set-up of a fresh installation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, readable_by, speaking_for, speaking_for_row

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

AN_ACCOUNT = "current_setting('app.purpose', true) = 'account:' || account_id::text"
STATES = "mail_state IN ('none', 'pending', 'sent', 'failed')"


def upgrade() -> None:
    make_letters()
    mail_invitations()
    make_setup()


def downgrade() -> None:
    op.drop_table("setup")
    op.execute("DROP POLICY invitations_reconcile ON invitations")
    op.drop_index("ix_invitations_due", "invitations")
    op.drop_constraint("ck_invitations_mail_state", "invitations")
    for column in ("mail_state", "mail_tries", "mail_at", "mail_error"):
        op.drop_column("invitations", column)
    op.drop_table("account_letters")


def make_letters() -> None:
    op.create_table(
        "account_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary()),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        *mailed("pending"),
        sa.PrimaryKeyConstraint("id", name="pk_account_letters"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_account_letters_account_id_accounts", ondelete="CASCADE"
        ),
        sa.CheckConstraint(STATES, name="ck_account_letters_mail_state"),
    )
    op.create_index("ix_account_letters_account_id", "account_letters", ["account_id"])
    due("account_letters")
    op.execute("ALTER TABLE account_letters ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE account_letters FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY account_letters_own ON account_letters USING ({AN_ACCOUNT}) WITH CHECK ({AN_ACCOUNT})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON account_letters TO {APP_ROLE}")
    op.execute(readable_by("account_letters", "mail", speaking_for("mail")))
    op.execute(readable_by("account_letters", "letter", speaking_for_row("letter")))


def mail_invitations() -> None:
    for column in mailed("none"):
        op.add_column("invitations", column)
    op.create_check_constraint("ck_invitations_mail_state", "invitations", STATES)
    due("invitations")
    op.execute(readable_by("invitations", "reconcile", speaking_for("reconcile")))


def make_setup() -> None:
    """One row at most, which the application can neither delete nor add a second of."""
    op.create_table(
        "setup",
        sa.Column("sole", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("sole", name="pk_setup"),
        sa.CheckConstraint("sole", name="ck_setup_sole"),
    )
    op.execute("ALTER TABLE setup ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE setup FORCE ROW LEVEL SECURITY")
    condition = speaking_for("setup")
    op.execute(f"CREATE POLICY setup_own ON setup USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON setup TO {APP_ROLE}")


def mailed(state: str) -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("mail_state", sa.Text(), server_default=state, nullable=False),
        sa.Column("mail_tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("mail_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("mail_error", sa.Text()),
    )


def due(table: str) -> None:
    op.create_index(f"ix_{table}_due", table, ["mail_at"], postgresql_where=sa.text("mail_state = 'pending'"))
