"""What publishing needs of the services that keep the other kinds of specs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from girih.db.unit_of_work import Work
from girih.language.compiler.workspace import OtherSpec
from girih.services.registry.schemas import Action


class Collections(Protocol):
    """The knowledge service, as publishing sees it: both methods work inside the transaction that they are given."""

    async def put_collections(self, work: Work, specs: Sequence[OtherSpec]) -> Mapping[str, Action]:
        """Store `collection/v1` specs by name; returns what happened to each."""
        ...

    async def collection_digests(self, work: Work) -> Mapping[str, str]:
        """The digest of each of the project's collections, by name."""
        ...
