"""Every move of an alias is kept: where to, by whom and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE, guard

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# An alias that is there already has been led to where it points, by nobody who is known.
SEED = """
INSERT INTO agent_moves (id, created_at, org_id, project_id, agent_id, alias, version_id, reason, actor)
SELECT gen_random_uuid(), updated_at, org_id, project_id, agent_id, alias, version_id, 'set', 'unknown'
FROM agent_aliases WHERE alias <> 'latest'
"""


def upgrade() -> None:
    op.create_table(
        "agent_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version_id", sa.Uuid()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agent_moves"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_agent_moves_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_agent_moves_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id"],
            ["agents.org_id", "agents.id"],
            name="fk_agent_moves_org_id_agent_id_agents",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "agent_id", "version_id"],
            ["agent_versions.org_id", "agent_versions.agent_id", "agent_versions.id"],
            name="fk_agent_moves_org_id_agent_id_version_id_agent_versions",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_agent_moves_org_id_agent_id_alias_created_at",
        "agent_moves",
        ["org_id", "agent_id", "alias", "created_at"],
    )
    op.execute("ALTER TABLE agent_aliases NO FORCE ROW LEVEL SECURITY")
    op.execute(SEED)
    op.execute("ALTER TABLE agent_aliases FORCE ROW LEVEL SECURITY")
    for statement in guard("agent_moves"):
        op.execute(statement)
    op.execute(
        "CREATE TRIGGER agent_moves_immutable BEFORE UPDATE OR DELETE ON agent_moves "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(f"REVOKE UPDATE, DELETE ON agent_moves FROM {APP_ROLE}")


def downgrade() -> None:
    op.drop_table("agent_moves")
