"""Versions keep what their tests said, whether that was passed over, who signed them, and where they came from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

COLUMNS = ("report", "signature", "imported")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("agent_versions", sa.Column(name, sa.JSON()))
    op.add_column("agent_versions", sa.Column("forced", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "signing_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("x", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.CheckConstraint("origin IN ('own', 'imported')", name="ck_signing_keys_origin"),
        sa.PrimaryKeyConstraint("id", name="pk_signing_keys"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_signing_keys_org_id_organizations", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("org_id", "kid", name="uq_signing_keys_org_id_kid"),
    )
    for statement in guard("signing_keys"):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER signing_keys_immutable BEFORE UPDATE OR DELETE ON signing_keys "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE ON signing_keys FROM {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("signing_keys")
    for name in ("forced", *COLUMNS):
        op.drop_column("agent_versions", name)
