"""A version keeps what its references were resolved to, and where it came from; nothing empties what never changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from girih.db.tenancy import APP_ROLE

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

ORIGIN = {"commit": sa.Text(), "dirty": sa.Boolean(), "message": sa.Text()}
NEVER_CHANGE = ("agent_versions", "agent_moves", "pipeline_versions")
# A version goes only with its organization: nothing but a cascade may take away what it hangs on.
HOLD_VERSIONS = ("agents", "pipelines")


def upgrade() -> None:
    # What was published before has no lock that was written down: null, and not an empty list.
    op.add_column("agent_versions", sa.Column("lock", sa.JSON()))
    for table in ("agent_versions", "pipeline_versions"):
        for name, kind in ORIGIN.items():
            op.add_column(table, sa.Column(name, kind))
    for table in NEVER_CHANGE:
        op.execute(
            f"CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    for table in HOLD_VERSIONS:
        op.execute(f"REVOKE DELETE ON {table} FROM {APP_ROLE}")


def downgrade() -> None:
    for table in HOLD_VERSIONS:
        op.execute(f"GRANT DELETE ON {table} TO {APP_ROLE}")
    for table in NEVER_CHANGE:
        op.execute(f"DROP TRIGGER {table}_never_emptied ON {table}")
    for table in ("pipeline_versions", "agent_versions"):
        for name in reversed(ORIGIN):
            op.drop_column(table, name)
    op.drop_column("agent_versions", "lock")
