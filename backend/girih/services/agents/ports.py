"""What publishing needs of others: the services that keep the other kinds of specs, and what is installed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.base import Facility
from girih.language.spec.tree import JsonSchema
from girih.services.agents.schemas import PublishedAgent
from girih.services.registry.schemas import Action


class Collections(Protocol):
    """The knowledge service, as publishing sees it: both methods work inside the transaction that they are given."""

    async def put_collections(self, work: Work, specs: Sequence[OtherSpec]) -> Mapping[str, Action]:
        """Store `collection/v1` specs by name; returns what happened to each."""
        ...

    async def collection_digests(self, work: Work) -> Mapping[str, str]:
        """The digest of each of the project's collections, by name."""
        ...

    async def collection_metadata(self, work: Work) -> Mapping[str, JsonSchema]:
        """The types of the documents' metadata of each of the project's collections that declares them, by name."""
        ...


class Resolves(Protocol):
    """Says what a reference to an agent means."""

    async def resolve(self, scope: OrgScope, ref: str) -> PublishedAgent:
        """The version, with its plan. Raises `NotFound` and `InvalidInput`."""
        ...


class Facilities(Protocol):
    """What this installation has for node kinds that need more than the process itself."""

    async def remedy(self, facility: Facility) -> str | None:
        """What to do to have it here; `None` where it is."""
        ...


class AllFacilities:
    """Everything is here: of an installation that publishes nothing, or leaves the question to the run."""

    async def remedy(self, facility: Facility) -> str | None:  # noqa: ARG002 - the port's signature
        """There is nothing to do."""
        return None
