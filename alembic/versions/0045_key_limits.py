"""What keys are limited to: agents, projects, networks, a rate, and runs at once; and what budgets have told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import beside, guard, limited_to_agents, named

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

NAMED = {
    "agents": "name",
    "runs": "agent",
    "run_pauses": "agent",
    "schedules": "agent",
    "usage_counts": "agent",
}
"""The tables with the name of an agent, and where."""

OF_AGENTS = (
    "agent_versions",
    "agent_aliases",
    "agent_moves",
    "agent_targets",
    "agent_proposals",
    "agent_guards",
    "version_marks",
)
OF_RUNS = (
    "run_events",
    "run_checkpoints",
    "run_checkpoint_blobs",
    "run_checkpoint_writes",
    "run_records",
    "run_feedback",
    "webhook_deliveries",
)


def _conditions() -> dict[str, str]:
    """Table → what a row has to fit for a transaction that is limited to certain agents."""
    found = {table: named(column) for table, column in NAMED.items()}
    found |= {table: beside(table, "agents", agent_id="id") for table in OF_AGENTS}
    found |= {table: beside(table, "runs", run_id="id") for table in OF_RUNS}
    # What holds for every agent of the project holds for these, too.
    found["agent_protections"] = f"agent_id IS NULL OR {beside('agent_protections', 'agents', agent_id='id')}"
    found["spec_texts"] = f"kind NOT LIKE 'graph/%' OR {named('name')}"
    found["threads"] = f"agent IS NULL OR {named('agent')}"
    found["thread_states"] = (
        f"{beside('thread_states', 'threads', thread_id='id')} "
        f"AND (run_id IS NULL OR {beside('thread_states', 'runs', run_id='id')})"
    )
    found["schedule_firings"] = beside("schedule_firings", "schedules", schedule_id="id")
    return found


def upgrade() -> None:
    _limit_keys()
    for table, condition in _conditions().items():
        op.execute(limited_to_agents(table, condition))
    op.add_column("budgets", sa.Column("alerts", sa.ARRAY(sa.Integer()), server_default="{50,80,100}", nullable=False))


def downgrade() -> None:
    op.drop_column("budgets", "alerts")
    for table in _conditions():
        op.execute(f"DROP POLICY {table}_agents ON {table}")
    op.drop_table("api_key_projects")
    op.drop_constraint("uq_api_keys_org_id_id", "api_keys")
    for column in ("runs_at_once", "requests_per_minute", "networks", "agents"):
        op.drop_column("api_keys", column)


def _limit_keys() -> None:
    for column in ("agents", "networks"):
        op.add_column("api_keys", sa.Column(column, sa.ARRAY(sa.Text()), server_default="{}", nullable=False))
    for column in ("requests_per_minute", "runs_at_once"):
        op.add_column("api_keys", sa.Column(column, sa.Integer()))
    op.create_unique_constraint("uq_api_keys_org_id_id", "api_keys", ["org_id", "id"])
    op.create_table(
        "api_key_projects",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "key_id", "project_id", name="pk_api_key_projects"),
        sa.ForeignKeyConstraint(
            ["org_id"], ["organizations.id"], name="fk_api_key_projects_org_id_organizations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "key_id"],
            ["api_keys.org_id", "api_keys.id"],
            name="fk_api_key_projects_org_id_key_id_api_keys",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["org_id", "project_id"],
            ["projects.org_id", "projects.id"],
            name="fk_api_key_projects_org_id_project_id_projects",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_api_key_projects_org_id_project_id", "api_key_projects", ["org_id", "project_id"])
    for statement in guard("api_key_projects"):
        op.execute(statement)
