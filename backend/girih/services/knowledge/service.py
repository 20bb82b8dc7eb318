"""Knowledge: collections of documents, brought in by the worker and searched by meaning and by words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import Hit, Models, SearchRequest
from girih.language.spec.tree import JsonSchema
from girih.providers.embeddings.ladder import Embedders
from girih.providers.storage.base import Storage
from girih.providers.storage.local import LocalStorage
from girih.providers.stores.base import VectorStores
from girih.services.knowledge import collection_repository, publishing, removing, repository
from girih.services.knowledge.bindings import Bindings
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.enriching import Enriching
from girih.services.knowledge.ingestion import Ingestion
from girih.services.knowledge.leftovers import Leftovers
from girih.services.knowledge.outside import Outside
from girih.services.knowledge.reindexing import ReindexingService
from girih.services.knowledge.schemas import PutAction
from girih.services.knowledge.searching import SearchService
from girih.services.knowledge.shelving import Shelving
from girih.services.pipelines.schemas import UsedPipeline
from girih.services.pipelines.service import PipelineService


class KnowledgeService:
    """Publishes collections, brings documents in, searches. `data_dir` is where half-done work lies.

    Without a `storage` the uploaded files lie there too. `stores` are the servers that vectors may be kept on.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        data_dir: Path,
        embedders: Embedders,
        *,
        storage: Storage | None = None,
        searches: SearchService | None = None,
        stores: VectorStores | None = None,
        enriching: Enriching | None = None,
        lease: timedelta = timedelta(seconds=30),
        attempts: int = 3,
    ) -> None:
        stores = stores or VectorStores()
        outside = Outside(uow, stores)
        self.searches = searches or SearchService(uow, embedders, outside=outside)
        files = storage or LocalStorage(data_dir)
        blobs = Blobs(files, data_dir / "arriving")
        self.pipelines = PipelineService(uow)
        self.reindexing = ReindexingService(uow)
        self.shelving = Shelving(uow)
        self.leftovers = Leftovers(uow, stores)
        self.ingestion = Ingestion(
            uow,
            blobs,
            files,
            embedders,
            indexes=self.reindexing,
            outside=outside,
            enriching=enriching,
            lease=lease,
            attempts=attempts,
        )
        self._bindings = Bindings(embedders, stores.bound)

    async def put_collections(self, work: Work, specs: Iterable[OtherSpec]) -> dict[str, PutAction]:
        """Publish `collection/v1` documents inside a transaction of the caller; says what that did to each name.

        What changes how documents are brought in begins a new index beside the one that is searched. Raises `Conflict`
        for a pipeline that is not published, and for a store or an embedder that this server lacks.
        """
        mine = [spec for spec in specs if spec.kind == "collection/v1"]
        return {spec.name: await publishing.put(work, spec, self._bindings) for spec in mine}

    async def collection_digests(self, work: Work) -> dict[str, str]:
        """The digest of each collection by name, inside a transaction of the caller: what graphs may refer to."""
        return await repository.collection_digests(work, work.speaks_for)

    async def collection_metadata(self, work: Work) -> dict[str, JsonSchema]:
        """The types of metadata of each collection that declares them, by name, inside a transaction of the caller."""
        return await repository.collection_metadata(work, work.speaks_for)

    async def collection_pipelines(self, work: Work) -> dict[str, UsedPipeline]:
        """The version of its pipeline that each collection that names one was published with, by the collection."""
        return await collection_repository.pipelines_of(work)

    async def collection_documents(self, work: Work, names: Iterable[str], *, building: bool = False) -> dict[str, int]:
        """How many documents each of these collections holds; with `building`, of those that are indexed anew."""
        return await collection_repository.documents_of(work, names, building=building)

    async def remove_collections(self, work: Work, names: Iterable[str]) -> None:
        """Let these collections be unseen with all they hold, inside a transaction of the caller; the rest is swept."""
        for name in names:
            await removing.begin(work, name)

    async def search(self, scope: OrgScope, request: SearchRequest, models: Models | None = None) -> list[Hit]:
        """The passages that answer best, best first (see `SearchService.search`)."""
        return (await self.searches.search(scope, request, models)).hits

    async def ingest(self, job_id: UUID | str) -> None:
        """Run one ingestion to its end; does nothing if it is done, held by another, or gone."""
        await self.ingestion.run(UUID(str(job_id)))
