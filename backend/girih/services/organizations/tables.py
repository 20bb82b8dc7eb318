"""What organizations as a whole have: offers of ownership, and exports of everything."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, OrgOwned


def _member(column: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["org_id", column], ["memberships.org_id", "memberships.account_id"], ondelete="CASCADE"
    )


class OwnershipTransfer(OrgOwned, Base):
    """An owner's offer to another member. An organization has one at most; it goes with either of the two."""

    __tablename__ = "ownership_transfers"
    __table_args__ = (_member("from_id"), _member("to_id"), UniqueConstraint("org_id"), Index(None, "to_id"))

    from_id: Mapped[UUID] = mapped_column(Uuid)
    to_id: Mapped[UUID] = mapped_column(Uuid)
    expires_at: Mapped[datetime]


class OrganizationExport(OrgOwned, Base):
    """An archive of all that an organization has, from the wish for it to its expiry."""

    __tablename__ = "organization_exports"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'ready', 'failed', 'expired')", name="status"),
        Index(None, "org_id", "created_at"),
    )

    created_by: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text, server_default="queued")
    taken_until: Mapped[datetime | None]
    """How long whoever makes it has before another one may."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    """Bytes of the archive."""
    sha256: Mapped[str | None] = mapped_column(Text)
