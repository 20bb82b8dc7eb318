"""The hosts that a secret is for; those of before have none noted, and go where they went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("secrets", sa.Column("hosts", ARRAY(sa.Text())))


def downgrade() -> None:
    op.drop_column("secrets", "hosts")
