"""Secrets that projects store, and the keys of organizations that they are encrypted with.

What was stored before stays as it is: a migration has no master key. A server that has one encrypts it when it starts.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import guard, readable_by, speaking_for

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_keys",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("org_id", "version", name="pk_data_keys"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_data_keys_org_id_organizations", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_secrets"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_secrets_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_secrets_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("org_id", "project_id", "name", name="uq_secrets_org_id_project_id_name"),
        sa.CheckConstraint("value LIKE 'sealed:%'", name="ck_secrets_sealed"),
    )
    for table in ("data_keys", "secrets"):
        for statement in guard(table):
            op.execute(statement)
    keys = speaking_for("keys")
    op.execute(readable_by("data_keys", "keys", keys))
    op.execute(readable_by("webhook_secrets", "keys", f"{keys} AND secret NOT LIKE 'sealed:%'"))


def downgrade() -> None:
    op.execute("DROP POLICY webhook_secrets_keys ON webhook_secrets")
    op.drop_table("secrets")
    op.drop_table("data_keys")
