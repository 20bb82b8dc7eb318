"""Indexes of collections: built beside the one that is searched, switched to, gone back to; and pipelines."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.knowledge.index_schemas import IndexOut
from girih.services.pipelines.schemas import PipelineOut, PipelineVersionOut

router = Router(tags=["knowledge"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("knowledge:read")]
Writer = Annotated[OrgScope, requires("knowledge:write")]


@router.get("/pipelines", operation_id="list_pipelines")
async def list_pipelines(girih: Wired, scope: Reader) -> Page[PipelineOut]:
    """Every published pipeline of the project, by name, with its newest version."""
    return Page(items=await girih.knowledge.pipelines.pipelines(scope))


@router.get("/pipelines/{name}/versions", operation_id="list_pipeline_versions")
async def list_pipeline_versions(girih: Wired, scope: Reader, name: str) -> Page[PipelineVersionOut]:
    """Every version of a pipeline, the newest first. A version never changes."""
    return Page(items=await girih.knowledge.pipelines.versions(scope, name))


@router.get("/collections/{name}/indexes", operation_id="list_indexes")
async def list_indexes(girih: Wired, scope: Reader, name: str) -> Page[IndexOut]:
    """Every index of a collection, the newest first, and how far it is. The active one is searched."""
    return Page(items=await girih.knowledge.reindexing.indexes(scope, name))


@router.post("/collections/{name}/indexes", operation_id="build_index", status_code=202)
async def build_index(girih: Wired, scope: Writer, name: str) -> IndexOut:
    """Build a new index of the same configuration beside the active one, and switch to it when it is complete."""
    return await girih.knowledge.reindexing.rebuild(scope, name)


@router.post("/collections/{name}/indexes/{index_id}/activate", operation_id="activate_index")
async def activate_index(girih: Wired, scope: Writer, name: str, index_id: UUID) -> IndexOut:
    """Go back to a former index, or on with one that failed or was cancelled.

    What came into the collection since is brought into it first; until then it is `building`.
    """
    return await girih.knowledge.reindexing.activate(scope, name, index_id)


@router.post("/collections/{name}/indexes/{index_id}/cancel", operation_id="cancel_index")
async def cancel_index(girih: Wired, scope: Writer, name: str, index_id: UUID) -> IndexOut:
    """Stop the building of an index. The active one is searched on."""
    return await girih.knowledge.reindexing.cancel(scope, name, index_id)


@router.delete("/collections/{name}/indexes/{index_id}", operation_id="delete_index", status_code=204)
async def delete_index(girih: Wired, scope: Writer, name: str, index_id: UUID) -> None:
    """Delete an index that is neither searched nor being built, with its passages."""
    await girih.knowledge.reindexing.remove(scope, name, index_id)
