"""What the memory service gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel


class MemoryOut(BaseModel):
    """Something remembered, as it is listed."""

    id: str
    scope: Literal["user", "project"]
    user: str | None
    namespace: str
    key: str | None
    text: str
    data: dict[str, Any]
    updated_at: datetime
    expires_at: datetime | None


class Forgotten(BaseModel):
    """How many memories were deleted."""

    deleted: int
