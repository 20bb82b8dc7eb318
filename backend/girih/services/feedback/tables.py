"""What users said of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKeyConstraint, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from girih.services.runs.tables import OfRun, run_key


class RunFeedback(OfRun):
    """What was said of a run under one key; what is said again under it replaces that."""

    __tablename__ = "run_feedback"
    __table_args__ = (ForeignKeyConstraint(["org_id"], ["organizations.id"], ondelete="CASCADE"), run_key())

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    score: Mapped[float | None] = mapped_column(Float)
    value: Mapped[Any] = mapped_column(JSON(none_as_null=True), nullable=True)
    comment: Mapped[str | None] = mapped_column(Text)
    given_at: Mapped[datetime] = mapped_column(server_default=func.now())
