"""Models are bound to what answers on this server; every binding is kept: what, by whom and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_bindings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("binding", sa.JSON(none_as_null=True)),
        sa.Column("origin", sa.Text()),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model_bindings"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_model_bindings_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_model_bindings_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "org_id", "project_id", "name", "revision", name="uq_model_bindings_org_id_project_id_name_revision"
        ),
    )
    for statement in guard("model_bindings"):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER model_bindings_immutable BEFORE UPDATE OR DELETE ON model_bindings "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE ON model_bindings FROM {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("model_bindings")
