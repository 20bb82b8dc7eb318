"""What callers of uploads in pieces give and get."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel


class UploadOut(BaseModel):
    """An upload: `received` of `length` bytes have come. At the end it is a document, or there is a reason why not."""

    id: UUID
    collection: str
    name: str
    length: int
    received: int
    document_id: UUID | None
    reason: str | None
    created_at: datetime
    expires_at: datetime
