"""Knowledge: collections of documents, brought in by the worker and searched by meaning and by words."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput, NotFound, Unavailable
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import Hit, SearchRequest
from girih.providers.embeddings.ladder import Embedders
from girih.providers.parsers.document import clean
from girih.providers.parsers.formats import suffix_of
from girih.services.knowledge import index, leases, publishing, queueing, repository, search
from girih.services.knowledge.artefacts import Artefacts
from girih.services.knowledge.blobs import Blobs
from girih.services.knowledge.identities import embedder_of
from girih.services.knowledge.ingestion import Ingestion
from girih.services.knowledge.schemas import CollectionOut, DocumentOut, PutAction
from girih.services.knowledge.tables import Collection, Document, IngestJob, SearchIndex

_LONGEST_NAME = 255
_DUE = 50
_DUE_PER_ORGANIZATION = 10


class KnowledgeService:
    """All that can be done with knowledge. `data_dir` is where uploaded files and half-done work lie."""

    def __init__(
        self,
        uow: UnitOfWork,
        data_dir: Path,
        embedders: Embedders,
        *,
        max_upload_bytes: int = 50 * 2**20,
        lease: timedelta = timedelta(seconds=30),
        attempts: int = 3,
    ) -> None:
        self._uow = uow
        self._blobs = Blobs(data_dir / "blobs")
        self._artefacts = data_dir / "artefacts"
        self._embedders = embedders
        self._max_upload_bytes = max_upload_bytes
        self._ingestion = Ingestion(uow, self._blobs, embedders, self._artefacts, lease=lease, attempts=attempts)

    async def put_collections(self, work: Work, specs: Iterable[OtherSpec]) -> dict[str, PutAction]:
        """Publish `collection/v1` documents inside a transaction of the caller; says what that did to each name.

        New rules for cutting (`chunk:`) bring every good document in anew. Raises `Conflict` for a new embedder where
        documents are.
        """
        return {spec.name: await publishing.put(work, spec) for spec in specs if spec.kind == "collection/v1"}

    async def collection_digests(self, work: Work) -> dict[str, str]:
        """The digest of each collection by name, inside a transaction of the caller: what graphs may refer to."""
        return await repository.collection_digests(work, work.speaks_for)

    async def collections(self, scope: OrgScope) -> list[CollectionOut]:
        """Every collection of the project, by name."""
        async with self._uow(scope) as work:
            return [_collection_out(*row) for row in await repository.collections(work, scope)]

    async def upload(
        self, scope: OrgScope, collection: str, filename: str, content: AsyncIterator[bytes] | bytes
    ) -> DocumentOut:
        """Take a document and queue its ingestion. What is there already under that name and is equal stays as it is.

        Other bytes under the same name replace the document once they are ready; until then the old ones are found.
        Raises `NotFound` (the collection), `Unsupported` (the ending), `InvalidInput` (empty, bad name), `TooLarge`.
        """
        name = _display_name(filename)
        suffix_of(name)
        async with self._uow(scope) as work:
            await _collection(work, scope, collection)
        blob = await self._blobs.receive(scope.org_id, content, self._max_upload_bytes)
        async with self._uow(scope) as work:
            await repository.lock_blob(work, scope, blob.sha256)
            if not await self._blobs.exists(scope.org_id, blob.sha256):
                raise Unavailable("the upload was removed with an equal document", help="upload it again")
            parent = await _collection(work, scope, collection)
            document, _ = await repository.put_document(work, scope, parent.id, name)
            former = document.sha256
            if former != blob.sha256:
                document.sha256, document.size = blob.sha256, blob.size
                await queueing.new_content(work, document)
            out = await _described(work, scope, document.id)
        if former not in ("", blob.sha256):
            await self._collect(scope, former)
        return out

    async def documents(self, scope: OrgScope, collection: str) -> list[DocumentOut]:
        """The documents of a collection, by name. Raises `NotFound`."""
        async with self._uow(scope) as work:
            parent = await _collection(work, scope, collection)
            return [_document_out(*row) for row in await repository.described(work, scope, collection_id=parent.id)]

    async def document(self, scope: OrgScope, id: UUID) -> DocumentOut:
        """One document and how far it is. Raises `NotFound`."""
        async with self._uow(scope) as work:
            return await _described(work, scope, id)

    async def delete_document(self, scope: OrgScope, id: UUID) -> None:
        """Delete a document with its passages and its file. Raises `NotFound`."""
        async with self._uow(scope) as work:
            document = await _document(work, scope, id)
            # Indexes first: see `Ingestion`.
            for held in await repository.indexes_of(work, document, lock=True):
                await index.clear(work, held, document)
            sha256 = document.sha256
            await work.session.delete(document)
        await Artefacts(self._artefacts, scope.org_id, id, sha256).forget()
        await self._collect(scope, sha256)

    async def retry_document(self, scope: OrgScope, id: UUID) -> DocumentOut:
        """Ingest a failed document again, with fresh attempts; one that is under way stays so.

        Raises `NotFound`, and `Conflict` for a document that is ready.
        """
        async with self._uow(scope) as work:
            document = await _document(work, scope, id, lock=True)
            if document.status == "ready":
                raise Conflict("the document is ready; there is nothing to retry", help="upload it to replace it")
            if document.status == "failed":
                await queueing.retry(work, document)
            return await _described(work, scope, id)

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

    async def _collect(self, scope: OrgScope, sha256: str) -> None:
        """Remove a file that no document of the organization has any more."""
        async with self._uow(scope) as work:
            await repository.lock_blob(work, scope, sha256)
            if not await repository.blob_in_use(work, scope, sha256):
                await self._blobs.remove(scope.org_id, sha256)


def _display_name(filename: str) -> str:
    """The name as people see it; it never becomes a path on disk."""
    name = unicodedata.normalize("NFC", filename).replace("\\", "/").strip().strip("/")
    if not name or len(name) > _LONGEST_NAME or any(unicodedata.category(char) in ("Cc", "Cs") for char in name):
        raise InvalidInput(
            f"a document needs a name of 1 to {_LONGEST_NAME} printable characters", help="rename the file"
        )
    return name


async def _collection(work: Work, scope: OrgScope, name: str) -> Collection:
    # A name the database could not even be asked for (NUL, half characters) is nobody's.
    found = await repository.collection_named(work, scope, name) if clean(name) == name else None
    if found is None:
        raise NotFound(f"there is no collection `{name}`", help="publish it first: girih apply")
    return found


async def _index(work: Work, scope: OrgScope, collection: str) -> SearchIndex:
    return await repository.active_index(work, await _collection(work, scope, collection))


async def _document(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> Document:
    found = await repository.document(work, scope, id, lock=lock)
    if found is None:
        raise NotFound("there is no such document")
    return found


async def _described(work: Work, scope: OrgScope, id: UUID) -> DocumentOut:
    await work.session.flush()
    work.session.expire_all()
    rows = await repository.described(work, scope, id=id)
    if not rows:
        raise NotFound("there is no such document")
    return _document_out(*rows[0])


def _document_out(document: Document, collection: str, job: IngestJob) -> DocumentOut:
    return DocumentOut.model_validate(
        {
            "id": document.id,
            "collection": collection,
            "name": document.name,
            "size": document.size,
            "sha256": document.sha256,
            "status": document.status,
            "stage": job.stage,
            "done": job.done,
            "total": job.total,
            "reason": document.reason,
            "chunks": document.passages,
            "pages": document.pages,
            "created_at": document.created_at,
            "updated_at": max(document.updated_at, job.updated_at),
        }
    )


def _collection_out(row: Collection, active: SearchIndex, documents: int) -> CollectionOut:
    made_by = active.made_by
    return CollectionOut.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "description": row.description,
            "embedder": made_by.embedder,
            "embedder_name": active.embedder_name,
            "embedder_model": active.embedder_model,
            "chunk_strategy": made_by.chunk.strategy,
            "chunk_size": made_by.chunk.size,
            "chunk_overlap": made_by.chunk.overlap,
            "chunk_context": made_by.chunk.context,
            "documents": documents,
            "chunks": active.passages,
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
    )
