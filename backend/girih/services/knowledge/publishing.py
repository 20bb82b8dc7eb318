"""Publishing a `collection/v1` document: make the collection, or bring it in line with what the document says now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func

from girih.db.unit_of_work import Work
from girih.errors import Conflict
from girih.language.compiler.workspace import OtherSpec
from girih.services.knowledge import queueing, repository
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.schemas import PutAction
from girih.services.knowledge.tables import Collection, SearchIndex


async def put(work: Work, spec: OtherSpec) -> PutAction:
    """Publish one collection. Raises `Conflict` when its embedder changes although it holds documents."""
    scope = work.scope
    if scope is None:
        raise Conflict("a collection is published for an organization")
    wanted, config = _wanted(spec), _config(spec)
    collection = await repository.collection_named(work, scope, spec.name, lock=True)
    if collection is None:
        await repository.add_collection(work, scope, config, name=spec.name, **wanted)
        return "create"
    index = await repository.active_index(work, collection, lock=True)
    if index.made_by == config and all(getattr(collection, column) == value for column, value in wanted.items()):
        return "unchanged"
    for column, value in wanted.items():
        setattr(collection, column, value)
    collection.updated_at = func.now()
    if index.made_by != config:
        await _make_anew(work, collection, index, config)
    return "update"


def _wanted(spec: OtherSpec) -> dict[str, Any]:
    return {"description": spec.document.get("description") or "", "digest": spec.digest}


def _config(spec: OtherSpec) -> IndexConfig:
    given = {key: spec.document[key] for key in ("embedder", "chunk") if spec.document.get(key)}
    return IndexConfig.model_validate(given)


async def _make_anew(work: Work, collection: Collection, index: SearchIndex, config: IndexConfig) -> None:
    """Bring every good document in anew."""
    if config.embedder != index.made_by.embedder:
        if await repository.has_documents(work, collection):
            raise Conflict(
                f"the embedder of collection `{collection.name}` cannot change from {index.made_by.embedder} to "
                f"{config.embedder}: it holds documents",
                help="give the new embedder a new collection, or delete the documents first",
            )
        index.embedder_name = index.embedder_model = index.embedder_fingerprint = None
        index.embedder_dims = None
    index.config = config.as_json
    for document in await repository.good_documents(work, collection):
        await queueing.for_index(work, document, index.id)
