"""Knowledge: collections of documents, brought in by the worker and searched by meaning and by words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import Hit, SearchRequest
from girih.providers.embeddings.ladder import Embedders
from girih.providers.parsers.document import clean
from girih.providers.storage.base import Storage
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge import finding, leases, publishing, repository, search
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.identities import embedder_of
from girih.services.knowledge.ingestion import Ingestion
from girih.services.knowledge.schemas import PutAction
from girih.services.knowledge.tables import SearchIndex

_DUE = 50
_DUE_PER_ORGANIZATION = 10


class KnowledgeService:
    """Publishes collections, brings documents in, searches. `data_dir` is where half-done work lies.

    Without a `storage` the uploaded files lie there too.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        data_dir: Path,
        embedders: Embedders,
        *,
        storage: Storage | None = None,
        lease: timedelta = timedelta(seconds=30),
        attempts: int = 3,
    ) -> None:
        self._uow = uow
        self._embedders = embedders
        blobs = Blobs(storage or LocalStorage(data_dir), data_dir / "arriving")
        self._ingestion = Ingestion(uow, blobs, embedders, data_dir / "artefacts", lease=lease, attempts=attempts)

    async def put_collections(self, work: Work, specs: Iterable[OtherSpec]) -> dict[str, PutAction]:
        """Publish `collection/v1` documents inside a transaction of the caller; says what that did to each name.

        New rules for cutting (`chunk:`) bring every good document in anew. Raises `Conflict` for a new embedder where
        documents are.
        """
        return {spec.name: await publishing.put(work, spec) for spec in specs if spec.kind == "collection/v1"}

    async def collection_digests(self, work: Work) -> dict[str, str]:
        """The digest of each collection by name, inside a transaction of the caller: what graphs may refer to."""
        return await repository.collection_digests(work, work.speaks_for)

    async def search(self, scope: OrgScope, request: SearchRequest) -> list[Hit]:
        """The passages that answer best, best first (see `search.best` on scores). Raises `NotFound`, `Unavailable`."""
        request = replace(request, query=clean(request.query))
        async with self._uow(scope) as work:
            source = await _index(work, scope, request.collection)
        if source.passages == 0 or not request.query.strip():
            return []
        vector = None
        if request.mode != "keyword":
            # Outside of any transaction: a slow embedder must not hold a connection.
            [vector] = await (await embedder_of(source, self._embedders)).embed([request.query])
        async with self._uow(scope) as work:
            return await search.best(work, await _index(work, scope, request.collection), request, vector)

    async def ingest(self, job_id: UUID | str) -> None:
        """Run one ingestion to its end; does nothing if it is done, held by another, or gone."""
        await self._ingestion.run(UUID(str(job_id)))

    async def due(self, idle: timedelta = timedelta(seconds=5)) -> list[str]:
        """Ids of ingestions of all organizations that a worker should be rung for again, fairly mixed."""
        async with self._uow.reading_for("reconcile") as work:
            return await leases.due(work, _DUE, _DUE_PER_ORGANIZATION, idle)


async def _index(work: Work, scope: OrgScope, collection: str) -> SearchIndex:
    return await repository.active_index(work, await finding.collection(work, scope, collection))
