"""What syncs need of the services beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.services.knowledge.document_schemas import Given
from girih.services.knowledge.schemas import DocumentOut


class Documents(Protocol):
    """The documents of collections, as syncs see them."""

    async def upload(
        self, scope: OrgScope, collection: str, given: Given | str, content: AsyncIterator[bytes] | bytes
    ) -> DocumentOut:
        """Take a document; equal bytes under the same key are not brought in again."""
        ...

    async def delete(self, scope: OrgScope, id: UUID) -> None:
        """Delete a document with all that belongs to it. Raises `NotFound`."""
        ...
