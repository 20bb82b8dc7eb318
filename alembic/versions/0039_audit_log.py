"""The audit log: entries that are added and never changed, each sealed to the one before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("seal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_audit_entries_org_id_organizations", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("org_id", "number", name="uq_audit_entries_org_id_number"),
    )
    for column in ("action", "actor", "target"):
        op.create_index(f"ix_audit_entries_org_id_{column}_number", "audit_entries", ["org_id", column, "number"])
    for statement in guard("audit_entries"):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER audit_entries_immutable BEFORE UPDATE OR DELETE ON audit_entries "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON audit_entries FROM {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("audit_entries")
