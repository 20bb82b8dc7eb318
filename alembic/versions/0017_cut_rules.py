"""How a collection's documents are cut: by which strategy, and with what put before each piece."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("collections", sa.Column("chunk_strategy", sa.Text(), server_default="structure", nullable=False))
    op.add_column("collections", sa.Column("chunk_context", sa.Text(), server_default="headings", nullable=False))


def downgrade() -> None:
    op.drop_column("collections", "chunk_context")
    op.drop_column("collections", "chunk_strategy")
