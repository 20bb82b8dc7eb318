"""The routes of assistants: found and described; they are made by publishing agents, and by nothing else."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Response

from girih.api.compat.langgraph.assistant_shapes import graph_json, schemas, subgraphs
from girih.api.compat.langgraph.assistants import agent_of, assistant, assistant_version, name_of, reference_of
from girih.api.compat.langgraph.shaping import Body, Limit, Offset, Order, holds, paged, refused, selected
from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput, NotFound
from girih.language.spec.tree import JsonObject
from girih.services.agents.drawing import draw
from girih.wiring.server import Girih

router = Router(prefix="/assistants", route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("agents:read")]
Publisher = Annotated[OrgScope, requires("agents:publish")]
DEEPEST = 8
"""Graphs inside of graphs are looked into so far."""

_PUBLISH = "change the agent's file and run `girih publish`"


class Filter(Body):
    """Which assistants; all that is given has to hold. `name` is a part of the name, in any case."""

    metadata: JsonObject | None = None
    graph_id: str | None = None
    name: str | None = None


class Search(Filter):
    """Which assistants, in which order, and what of them."""

    limit: Limit = 10
    offset: Offset = 0
    sort_by: Literal["assistant_id", "graph_id", "name", "created_at", "updated_at"] = "created_at"
    sort_order: Order = "desc"
    select: list[str] | None = None


class Versions(Body):
    """Which versions of an assistant."""

    metadata: JsonObject | None = None
    limit: Limit = 10
    offset: Offset = 0


class Latest(Body):
    """The version to be the latest, by its number."""

    version: int


@router.post("/search", operation_id="langgraph_search_assistants")
async def search(girih: Wired, scope: Reader, body: Search, response: Response) -> list[JsonObject]:
    """The project's agents that fit."""
    found = await _found(girih, scope, body)
    found.sort(key=lambda one: (one[body.sort_by], one["assistant_id"]), reverse=body.sort_order == "desc")
    page = found[body.offset : body.offset + body.limit]
    paged(response, page, offset=body.offset, total=len(found))
    return selected(page, body.select)


@router.post("/count", operation_id="langgraph_count_assistants")
async def count(girih: Wired, scope: Reader, body: Filter) -> int:
    """How many of the project's agents fit."""
    return len(await _found(girih, scope, body))


@router.post("", operation_id="langgraph_create_assistant", dependencies=[requires("agents:publish")])
async def create() -> JsonObject:
    """Refused: an assistant is a published agent."""
    raise refused("creating an assistant", "an assistant is a published agent", _PUBLISH)


@router.get("/{assistant_id}", operation_id="langgraph_get_assistant")
async def get(girih: Wired, scope: Reader, assistant_id: str) -> JsonObject:
    """One assistant: the latest version, or the one that the reference names."""
    return assistant(await girih.agents.agent(scope, await reference_of(girih, scope, assistant_id)))


@router.patch("/{assistant_id}", operation_id="langgraph_update_assistant")
async def update(girih: Wired, scope: Publisher, assistant_id: str) -> JsonObject:
    """Refused: a published version never changes."""
    await agent_of(girih, scope, assistant_id)
    raise refused("updating an assistant", "a published version of an agent never changes", _PUBLISH)


@router.delete("/{assistant_id}", operation_id="langgraph_delete_assistant")
async def delete(
    girih: Wired,
    scope: Publisher,
    assistant_id: str,
    delete_threads: bool = False,  # noqa: ARG001 - all of it is refused
) -> JsonObject:
    """Refused: published agents stay."""
    await agent_of(girih, scope, assistant_id)
    raise refused("deleting an assistant", "published agents stay, for the runs they have had", _PUBLISH)


@router.get("/{assistant_id}/graph", operation_id="langgraph_assistant_graph")
async def graph(girih: Wired, scope: Reader, assistant_id: str, xray: str = "false") -> JsonObject:
    """Nodes and edges, with the graphs inside of it to the depth that `xray` says."""
    agent, depth = await agent_of(girih, scope, assistant_id), _depth(xray)
    plans = await girih.agents.inner_plans(scope, agent.plan, depth)
    return graph_json(draw(agent.plan, plans, depth))


@router.get("/{assistant_id}/schemas", operation_id="langgraph_assistant_schemas")
async def get_schemas(girih: Wired, scope: Reader, assistant_id: str) -> JsonObject:
    """What it takes, gives and keeps, as JSON Schemas."""
    return schemas((await agent_of(girih, scope, assistant_id)).plan)


@router.get("/{assistant_id}/subgraphs", operation_id="langgraph_assistant_subgraphs")
async def get_subgraphs(girih: Wired, scope: Reader, assistant_id: str, recurse: bool = False) -> JsonObject:
    """The graphs inside of it, by their namespaces."""
    return await _inside(girih, scope, assistant_id, recurse=recurse)


@router.get("/{assistant_id}/subgraphs/{namespace}", operation_id="langgraph_assistant_subgraph")
async def get_subgraph(
    girih: Wired, scope: Reader, assistant_id: str, namespace: str, recurse: bool = False
) -> JsonObject:
    """The graph inside of it at a namespace, with `recurse` those inside of that one too."""
    found = await _inside(girih, scope, assistant_id, recurse=True)
    inside = f"{namespace}|"
    return {name: one for name, one in found.items() if name == namespace or (recurse and name.startswith(inside))}


@router.post("/{assistant_id}/versions", operation_id="langgraph_assistant_versions")
async def versions(girih: Wired, scope: Reader, assistant_id: str, body: Versions) -> list[JsonObject]:
    """Its published versions, the newest first."""
    name = (await agent_of(girih, scope, assistant_id)).name
    found = [assistant_version(name, one) for one in await girih.agents.versions(scope, name)]
    fit = [one for one in found if holds(one["metadata"], body.metadata or {})]
    return fit[body.offset : body.offset + body.limit]


@router.post("/{assistant_id}/latest", operation_id="langgraph_assistant_latest")
async def set_latest(girih: Wired, scope: Publisher, assistant_id: str, body: Latest) -> JsonObject:
    """The assistant, if that version is the newest; any other one is refused."""
    name = await name_of(girih, scope, assistant_id)
    if name is None:
        raise NotFound(f"there is no assistant {assistant_id[:100]}")
    agent = await girih.agents.agent(scope, name)
    if body.version != agent.number:
        raise refused(
            "making another version the latest",
            f"`latest` is always the newest one, here {agent.number} ({agent.version})",
            "publish the older text again, or move an alias and run `name@alias`",
        )
    return assistant(agent)


async def _found(girih: Girih, scope: OrgScope, wanted: Filter) -> list[dict[str, Any]]:
    found = [assistant(agent) for agent in await girih.agents.agents(scope)]
    return [
        one
        for one in found
        if wanted.graph_id in (None, one["graph_id"])
        and (wanted.name or "").lower() in one["name"].lower()
        and holds(one["metadata"], wanted.metadata or {})
    ]


async def _inside(girih: Girih, scope: OrgScope, assistant_id: str, *, recurse: bool) -> dict[str, Any]:
    plan = (await agent_of(girih, scope, assistant_id)).plan
    plans = await girih.agents.inner_plans(scope, plan, DEEPEST if recurse else 1)
    found = dict(subgraphs(plan, plans))
    return found if recurse else {name: one for name, one in found.items() if "|" not in name}


def _depth(xray: str) -> int:
    words = {"true": DEEPEST, "false": 0}
    if xray.lower() in words:
        return words[xray.lower()]
    if xray.isdecimal():
        return min(int(xray), DEEPEST)
    raise InvalidInput("xray is true, false or a number of levels")
