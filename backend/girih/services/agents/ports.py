"""What publishing needs of others: the services that keep the other kinds of specs, and what is installed here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.base import Facility
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.services.agents.schemas import PublishedAgent
from girih.services.pipelines.schemas import UsedPipeline
from girih.services.registry.schemas import Action


class Collections(Protocol):
    """The knowledge service, as publishing sees it: every method works inside the transaction that they are given."""

    async def put_collections(self, work: Work, specs: Sequence[OtherSpec]) -> Mapping[str, Action]:
        """Store `collection/v1` specs by name; returns what happened to each."""
        ...

    async def collection_digests(self, work: Work) -> Mapping[str, str]:
        """The digest of each of the project's collections, by name."""
        ...

    async def collection_metadata(self, work: Work) -> Mapping[str, JsonSchema]:
        """The types of the documents' metadata of each of the project's collections that declares them, by name."""
        ...

    async def collection_pipelines(self, work: Work) -> Mapping[str, UsedPipeline]:
        """The version of its pipeline that each collection that names one was published with, by the collection."""
        ...

    async def collection_documents(
        self, work: Work, names: Iterable[str], *, building: bool = False
    ) -> Mapping[str, int]:
        """How many documents each of these collections holds; with `building`, of those that are indexed anew."""
        ...

    async def remove_collections(self, work: Work, names: Iterable[str]) -> None:
        """Delete these collections with all they hold."""
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

    async def plugin_fault(self, document: JsonObject) -> tuple[str, str] | None:
        """Why the plug-in of a tool cannot be called as its document says, and what to do; `None` where it can."""
        ...


class AllFacilities:
    """Everything is here: of an installation that publishes nothing, or leaves the question to the run."""

    async def remedy(self, facility: Facility) -> str | None:  # noqa: ARG002 - the port's signature
        """There is nothing to do."""
        return None

    async def plugin_fault(self, document: JsonObject) -> tuple[str, str] | None:  # noqa: ARG002 - as above
        """Nothing is wrong."""
        return None


class Tells(Protocol):
    """The domain events, as those who move aliases see them; both methods work inside the transaction given."""

    async def ready(self, work: Work, scope: OrgScope, types: Sequence[str]) -> None:
        """Say before any row is locked which events may be told."""
        ...

    async def tell(self, work: Work, scope: OrgScope, type: str, data: JsonObject) -> Sequence[Callable[[], None]]:
        """Tell what happened. What is returned is to be called once the transaction has committed."""
        ...


class Silent:
    """Nobody is told: of a process that publishes nothing."""

    async def ready(self, work: Work, scope: OrgScope, types: Sequence[str]) -> None:
        """There is nothing to get ready for."""

    async def tell(
        self,
        work: Work,  # noqa: ARG002 - the port's signature
        scope: OrgScope,  # noqa: ARG002 - the port's signature
        type: str,  # noqa: ARG002 - the port's signature
        data: JsonObject,  # noqa: ARG002 - the port's signature
    ) -> Sequence[Callable[[], None]]:
        """There is nothing to do afterwards either."""
        return ()
