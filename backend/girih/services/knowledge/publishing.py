"""Publishing a `collection/v1` document: make the collection, or bring it in line with what the document says now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func

from girih.db.unit_of_work import Work
from girih.errors import Conflict, SpecRefused
from girih.language.compiler.workspace import OtherSpec
from girih.language.spec.types import object_schema
from girih.services.knowledge import index_builds, index_rows, repository
from girih.services.knowledge.bindings import Bindings
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.schemas import PutAction
from girih.services.knowledge.tables import Collection
from girih.services.pipelines import publishing as pipelines
from girih.services.pipelines.schemas import LockedPipeline


async def put(work: Work, spec: OtherSpec, bindings: Bindings) -> PutAction:
    """Publish one collection. What changes how its documents are brought in begins a new index beside the active one.

    Raises `Conflict` for a pipeline that is not published, and for a store or an embedder that this server lacks.
    """
    scope = work.speaks_for
    locked = await _locked(work, spec)
    config = _config(spec, locked)
    bindings.require(config, spec.name)
    wanted, pipeline = _wanted(spec, locked), str(locked) if locked else None
    collection = await repository.collection_named(work, scope, spec.name, lock=True)
    if collection is None:
        await repository.add_collection(work, scope, config, pipeline, name=spec.name, **wanted)
        return "create"
    is_equal = all(getattr(collection, column) == value for column, value in wanted.items())
    if is_equal and await _aim(work, collection) == config:
        return "unchanged"
    for column, value in wanted.items():
        setattr(collection, column, value)
    collection.updated_at = func.now()
    index = await index_builds.build(work, collection, config, pipeline)
    if index.status == "building":
        # At once where there is no document to wait for.
        await index_builds.complete(work, collection, index)
    return "update"


async def _locked(work: Work, spec: OtherSpec) -> LockedPipeline | None:
    reference = spec.document.get("pipeline")
    try:
        return await pipelines.locked(work, reference) if reference is not None else None
    except Conflict as fault:
        message = f"collection `{spec.name}` cannot be published: {fault.message}"
        raise SpecRefused(message, [(spec.kind, spec.name, ("pipeline",))], help=fault.help) from fault


def _config(spec: OtherSpec, locked: LockedPipeline | None) -> IndexConfig:
    if locked is None:
        return IndexConfig.of_collection(spec.document)
    return IndexConfig.of_pipeline(locked.document, spec.document)


def _wanted(spec: OtherSpec, locked: LockedPipeline | None) -> dict[str, Any]:
    fields = spec.document.get("metadata")
    return {
        "description": spec.document.get("description") or "",
        "digest": spec.digest,
        "pipeline_version_id": locked.version_id if locked is not None else None,
        "metadata_schema": object_schema(fields) if fields is not None else None,
    }


async def _aim(work: Work, collection: Collection) -> IndexConfig | None:
    """The config that the collection's documents are, or are being, brought into."""
    there = await index_rows.indexes(work, collection, lock=True)
    building = next((index for index in there if index.status == "building"), None)
    active = next((index for index in there if index.id == collection.index_id), None)
    aim = building or active
    return aim.made_by if aim is not None else None
