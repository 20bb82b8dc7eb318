"""Which collections hold documents that only some may read is found out by a search in no time."""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

INDEX = "ix_documents_with_readers"


def upgrade() -> None:
    op.create_index(INDEX, "documents", ["org_id", "collection_id"], postgresql_where="readers IS NOT NULL")


def downgrade() -> None:
    op.drop_index(INDEX, "documents")
