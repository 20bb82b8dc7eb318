"""Publishing a `collection/v1` document: make the collection, or bring it in line with what the document says now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func

from girih.db.unit_of_work import Work
from girih.errors import Conflict
from girih.jobs import INGEST
from girih.language.compiler.workspace import OtherSpec
from girih.services.knowledge import repository
from girih.services.knowledge.cut_rules import CutRules
from girih.services.knowledge.schemas import PutAction
from girih.services.knowledge.tables import Collection


async def put(work: Work, spec: OtherSpec) -> PutAction:
    """Publish one collection. Raises `Conflict` when its embedder changes although it holds documents."""
    scope = work.scope
    if scope is None:
        raise Conflict("a collection is published for an organization")
    wanted = _wanted(spec)
    collection = await repository.collection_named(work, scope, spec.name, lock=True)
    if collection is None:
        await repository.add_collection(work, scope, name=spec.name, **wanted)
        return "create"
    if all(getattr(collection, column) == value for column, value in wanted.items()):
        return "unchanged"
    await _update(work, collection, wanted)
    return "update"


def _wanted(spec: OtherSpec) -> dict[str, Any]:
    return {
        "description": spec.document.get("description") or "",
        "embedder": spec.document.get("embedder") or "default",
        **CutRules.of(spec.document.get("chunk") or {}).columns,
        "digest": spec.digest,
    }


async def _update(work: Work, collection: Collection, wanted: dict[str, Any]) -> None:
    if wanted["embedder"] != collection.embedder:
        if await repository.has_documents(work, collection):
            raise Conflict(
                f"the embedder of collection `{collection.name}` cannot change from {collection.embedder} to "
                f"{wanted['embedder']}: it holds documents",
                help="give the new embedder a new collection, or delete the documents first",
            )
        collection.embedder_name = collection.embedder_model = collection.embedder_fingerprint = None
        collection.embedder_dims = None
    rules = collection.rules
    for column, value in wanted.items():
        setattr(collection, column, value)
    collection.updated_at = func.now()
    if rules != collection.rules:
        for document in await repository.good_documents(work, collection):
            work.after_commit(INGEST, await repository.add_job(work, document))
