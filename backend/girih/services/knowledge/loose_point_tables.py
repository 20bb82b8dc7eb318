"""Points on stores outside of the database that are to be looked after."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from girih.db.base import Base
from girih.language.spec.pipelines import StoreType


class LoosePoint(Base):
    """A point that is to be looked at when it is due: kept if its passage is there, else removed from its store.

    It is noted before it is put there, and by a trigger when its passage goes. The id of an index stands for all of it.
    """

    __tablename__ = "loose_points"

    org_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("organizations.id", ondelete="CASCADE"), primary_key=True)
    index_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    point_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    store_type: Mapped[StoreType] = mapped_column(Text)
    endpoint: Mapped[str] = mapped_column(Text)
    due_at: Mapped[datetime] = mapped_column(index=True)
