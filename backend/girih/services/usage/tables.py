"""What model calls used, by day and by what they were made for, and the budgets that bound it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    Text,
    Uuid,
    text,
)
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base, OrgOwned, project_key


class UsageCount(Base):
    """One day's model calls of one node of one agent, with one model, made for one caller.

    Written by the database as it records `model.finished`. `shard` spreads the writing over rows that are added up;
    `errors` are calls that failed, also those that used tokens.
    """

    __tablename__ = "usage_counts"
    __table_args__ = (project_key(), Index(None, "org_id", "day"))

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    actor: Mapped[str] = mapped_column(Text, primary_key=True)
    agent: Mapped[str] = mapped_column(Text, primary_key=True)
    node: Mapped[str] = mapped_column(Text, primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    calls: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    errors: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    input_tokens: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    output_tokens: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    cost_usd: Mapped[Decimal] = mapped_column(Numeric, server_default=text("0"))


class SpendingBudget(OrgOwned, Base):
    """What an organization, a project or a key may spend in a day or a month.

    `subject` is the id of the target. One of the whole organization belongs to no project.
    """

    __tablename__ = "budgets"
    __table_args__ = (
        project_key(),
        Unique("org_id", "target", "subject", "period"),
        CheckConstraint("target IN ('organization', 'project', 'key')", name="target"),
        CheckConstraint("period IN ('day', 'month')", name="period"),
        CheckConstraint("cost_usd IS NOT NULL OR tokens IS NOT NULL", name="limited"),
    )

    project_id: Mapped[UUID | None] = mapped_column(Uuid)
    target: Mapped[str] = mapped_column(Text)
    subject: Mapped[UUID] = mapped_column(Uuid)
    period: Mapped[str] = mapped_column(Text)
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    tokens: Mapped[int | None] = mapped_column(BigInteger)
    alerts: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{50,80,100}")
    """The percentages at which an event is published, once in each period."""
    created_by: Mapped[str] = mapped_column(Text)


class SpendingHold(OrgOwned, Base):
    """What a model call under way may still use; counts until the call is recorded, at the latest until `until`.

    A cost of NULL is not known.
    """

    __tablename__ = "spending_holds"
    __table_args__ = (project_key(), Index(None, "org_id"))

    project_id: Mapped[UUID] = mapped_column(Uuid)
    actor: Mapped[str] = mapped_column(Text)
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[Decimal | None] = mapped_column(Numeric)
    until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
