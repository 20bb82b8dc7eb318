"""Logical models: what answers under each name here, binding them, and trying them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.language.spec.logical_models import ModelBinding
from girih.services.registry.model_schemas import BindingOut, ModelOut, ModelTestOut

router = Router(prefix="/models", tags=["models"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("models:read")]
Writer = Annotated[OrgScope, requires("models:write")]
NewName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9]*([-.][a-z0-9]+)*$", max_length=64)]


@router.get("", operation_id="list_models")
async def list_models(
    girih: Wired,
    scope: Reader,
    cursor: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ModelOut]:
    """The project's models and the built-in ones, by name: who answers under each, what it can do and costs."""
    items, after = await girih.models.page(scope, cursor=cursor, limit=limit)
    return Page(items=items, next=after)


@router.get("/{name}", operation_id="get_model")
async def get_model(girih: Wired, scope: Reader, name: str) -> ModelOut:
    """One model, and what it comes to on this server."""
    return await girih.models.model(scope, name)


@router.get("/{name}/binding", operation_id="get_model_binding")
async def get_model_binding(girih: Wired, scope: Reader, name: str) -> BindingOut:
    """What the model is bound to now."""
    return await girih.models.binding(scope, name)


@router.put("/{name}/binding", operation_id="bind_model")
async def bind_model(girih: Wired, scope: Writer, name: NewName, body: ModelBinding) -> BindingOut:
    """Bind the model: from now on this answers, in every process within five seconds. Doing it twice changes nothing.

    A `secret` that was never bound for the same host before needs `secrets:write`, too.
    """
    return await girih.models.bind(scope, name, body)


@router.delete("/{name}/binding", operation_id="unbind_model", status_code=204)
async def unbind_model(girih: Wired, scope: Writer, name: str) -> None:
    """Take the binding away: the model answers as its document says. The revisions stay."""
    await girih.models.unbind(scope, name)


@router.get("/{name}/revisions", operation_id="list_model_revisions")
async def list_model_revisions(girih: Wired, scope: Reader, name: str) -> Page[BindingOut]:
    """All that the model was bound to, the newest first: what, by whom and when."""
    return Page(items=await girih.models.revisions(scope, name))


@router.post("/{name}/test", operation_id="test_model")
async def test_model(girih: Wired, scope: Writer, name: str) -> ModelTestOut:
    """Try the model, without its fallbacks, by tiny calls that are counted as usage."""
    return await girih.models.test(scope, name)
