"""`/models`: the agents that can be spoken to, by every name that they have."""

from __future__ import annotations

from collections.abc import Iterator

from girih.api.compat.openai.access import DoorRoute, Reader
from girih.api.compat.openai.options import no_such_model
from girih.api.compat.openai.runs import require_chat
from girih.api.deps import Wired
from girih.api.routers import Router
from girih.errors import InvalidInput, NotFound
from girih.language.spec.tree import JsonObject
from girih.services.agents.schemas import AgentOut

router = Router(route_class=DoorRoute)


@router.get("/models", operation_id="openai_models")
async def list_models(girih: Wired, scope: Reader) -> JsonObject:
    """Every agent with `chat:`, and each of its aliases; none for a key that may not run them."""
    if "runs:create" not in scope.permissions:
        return {"object": "list", "data": []}
    found = [agent for agent in await girih.agents.agents(scope) if agent.chat is not None]
    return {"object": "list", "data": [model for agent in found for model in _models(agent)]}


@router.get("/models/{model}", operation_id="openai_model")
async def get_model(girih: Wired, scope: Reader, model: str) -> JsonObject:
    """One of them, also by version: `name@1.2.0`."""
    await require_chat(girih, scope, model)
    try:
        return _model(await girih.agents.agent(scope, model), model)
    except (NotFound, InvalidInput):
        raise NotFound(no_such_model(model), param="model", code="model_not_found") from None


def _models(agent: AgentOut) -> Iterator[JsonObject]:
    yield _model(agent, agent.name)
    for alias in agent.aliases:
        yield _model(agent, f"{agent.name}@{alias}")


def _model(agent: AgentOut, name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": int(agent.created_at.timestamp()), "owned_by": "girih"}
