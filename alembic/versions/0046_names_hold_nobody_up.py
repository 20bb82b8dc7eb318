"""To call an organization, a unit or a project otherwise locks nothing that others refer to it by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

# PostgreSQL takes every column of a whole unique index for one that foreign keys may refer to. Who changes it holds up
# whoever writes a row of the organization meanwhile, and two of them may wait for each other. A partial index is none.
NAMES = {
    "organizations": (["name"], False),
    "units": (["org_id", "parent_id", "name"], True),
    "projects": (["org_id", "name"], False),
}


def upgrade() -> None:
    for table, (columns, no_nulls_apart) in NAMES.items():
        name = f"uq_{table}_{'_'.join(columns)}"
        op.drop_constraint(name, table)
        op.create_index(
            name,
            table,
            columns,
            unique=True,
            postgresql_where=sa.text("name IS NOT NULL"),
            postgresql_nulls_not_distinct=no_nulls_apart or None,
        )


def downgrade() -> None:
    for table, (columns, no_nulls_apart) in NAMES.items():
        name = f"uq_{table}_{'_'.join(columns)}"
        op.drop_index(name, table)
        op.create_unique_constraint(name, table, columns, postgresql_nulls_not_distinct=no_nulls_apart or None)
