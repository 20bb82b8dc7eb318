"""What is mailed: letters to people with their one-time tokens, and what other rows keep of the mails about them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, Identified

MailState = Literal["none", "pending", "sent", "failed"]
"""Where the mail about a row stands; `none`: there is none, as on a server that sends no mail."""


def mail_rules(table: str) -> tuple[CheckConstraint, Index]:
    """The constraint and the index of a table of `Mailed` rows."""
    return (
        CheckConstraint("mail_state IN ('none', 'pending', 'sent', 'failed')", name="mail_state"),
        Index(f"ix_{table}_due", "mail_at", postgresql_where=text("mail_state = 'pending'")),
    )


class Mailed:
    """A row that somebody is written about. A try that was taken is free again at `mail_at`."""

    id: Mapped[UUID]
    mail_state: Mapped[str] = mapped_column(Text, server_default="none")
    mail_tries: Mapped[int] = mapped_column(server_default=text("0"))
    mail_at: Mapped[datetime] = mapped_column(server_default=func.now())
    mail_error: Mapped[str | None] = mapped_column(Text)
    """Why the last try was none that counts."""


class Letter(Mailed, Identified, Base):
    """A letter to a person about the account. Of its token only the SHA-256 is kept; it is worked out to be sent."""

    __tablename__ = "account_letters"
    __table_args__ = (*mail_rules("account_letters"), Index(None, "account_id"))

    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(Text)
    email: Mapped[str] = mapped_column(Text)
    """Whom it is sent to; for another address of the account the new one."""
    hash: Mapped[bytes | None]
    """`None`: it tells, and asks for nothing."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    mail_state: Mapped[str] = mapped_column(Text, server_default="pending")
