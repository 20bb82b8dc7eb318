"""How often tools may be called."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Double, ForeignKey, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, project_key


class ToolRate(Base):
    """The bucket of one tool: how many calls were in it when it was last taken from. It refills all the time."""

    __tablename__ = "tool_rates"
    __table_args__ = (project_key(),)

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    tokens: Mapped[float] = mapped_column(Double)
    refilled_at: Mapped[datetime]
