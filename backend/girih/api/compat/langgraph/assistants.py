"""Assistants: published agents, each under an id that its name gives."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID, uuid5

from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput, NotFound
from girih.language.spec.tree import JsonObject
from girih.services.agents.references import is_name
from girih.services.agents.schemas import AgentOut, PublishedAgent, VersionOut
from girih.wiring.server import Girih

_NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""Where LangGraph's own servers make the ids of their assistants from the names of graphs."""

_KNOWN: OrderedDict[UUID, str] = OrderedDict()
"""Ids that were looked up lately, and the names they were made from. Whose names they are is asked each time."""
_MOST_KNOWN = 4096


def assistant_id_of(name: str) -> str:
    """The id of the assistant that an agent is."""
    return str(uuid5(_NAMESPACE, name.partition("@")[0]))


async def agent_of(girih: Girih, scope: OrgScope, assistant_id: str) -> PublishedAgent:
    """The agent of an assistant: by id, name, `name@alias` or `name@1.2.0`. Raises `NotFound`."""
    return await girih.agents.resolve(scope, await reference_of(girih, scope, assistant_id))


async def agent_meant(girih: Girih, scope: OrgScope, assistant_id: str) -> PublishedAgent:
    """The agent of an assistant as it was last: for whoever starts a run of it, which confirms that."""
    number = _uuid(assistant_id)
    ref = assistant_id if number is None else _KNOWN.get(number)
    try:
        return await girih.agents.resolve(scope, ref or assistant_id)
    except (NotFound, InvalidInput):
        return await agent_of(girih, scope, assistant_id)


async def has_moved(girih: Girih, scope: OrgScope, assistant_id: str) -> bool:
    """Whether an assistant is another version by now than `agent_meant` said, which says the new one from now on."""
    try:
        meant = await agent_meant(girih, scope, assistant_id)
        ref = await reference_of(girih, scope, assistant_id)
        girih.agents.forget(scope, ref)
        return (await girih.agents.resolve(scope, ref)).digest != meant.digest
    except (NotFound, InvalidInput):
        return False


async def reference_of(girih: Girih, scope: OrgScope, assistant_id: str) -> str:
    """How girih speaks of an assistant. Raises `NotFound`."""
    number = _uuid(assistant_id)
    if number is None:
        if not is_name(assistant_id.partition("@")[0]):
            raise _unknown(assistant_id)
        return assistant_id
    if number not in _KNOWN:
        for agent in await girih.agents.agents(scope):
            _keep(agent.name)
    name = _KNOWN.get(number)
    if name is None or not await _has(girih, scope, name):
        raise _unknown(assistant_id)
    return name


async def name_of(girih: Girih, scope: OrgScope, assistant_id: str) -> str | None:
    """The name of the agent that an assistant is; `None` where there is no such assistant."""
    try:
        return (await agent_of(girih, scope, assistant_id)).name
    except NotFound:
        return None


def assistant(agent: AgentOut) -> JsonObject:
    """An agent as its clients see it."""
    return {
        "assistant_id": assistant_id_of(agent.name),
        "graph_id": agent.name,
        "name": agent.name,
        "description": agent.description,
        "config": {},
        "context": {},
        "metadata": {
            "created_by": "system",
            "title": agent.title,
            "version": agent.version,
            "digest": agent.digest,
            "aliases": agent.aliases,
        },
        "version": agent.number,
        "created_at": agent.created_at,
        "updated_at": agent.updated_at,
    }


def assistant_version(name: str, version: VersionOut) -> JsonObject:
    """A version of an agent as its clients see it."""
    return {
        "assistant_id": assistant_id_of(name),
        "graph_id": name,
        "name": name,
        "description": None,
        "config": {},
        "context": {},
        "metadata": {
            "created_by": version.created_by,
            "version": version.version,
            "digest": version.digest,
            "aliases": version.aliases,
        },
        "version": version.number,
        "created_at": version.created_at,
    }


async def _has(girih: Girih, scope: OrgScope, name: str) -> bool:
    try:
        await girih.agents.resolve(scope, name)
    except NotFound:
        return False
    return True


def _keep(name: str) -> None:
    _KNOWN[uuid5(_NAMESPACE, name)] = name
    while len(_KNOWN) > _MOST_KNOWN:
        _KNOWN.popitem(last=False)


def _unknown(assistant_id: str) -> NotFound:
    return NotFound(
        f"there is no assistant {assistant_id[:100]}", help="assistants are published agents: by name, or by id"
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
