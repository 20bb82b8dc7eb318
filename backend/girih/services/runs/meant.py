"""Which version a run gets: what its reference means, and for whom it is where an alias shares its traffic out."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.engine.inputs import checked_inputs
from girih.errors import InvalidInput
from girih.language.spec.tree import JsonObject
from girih.services.agents.references import parse_reference
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.chats import asked_inputs
from girih.services.runs.links import Link
from girih.services.runs.ports import Agents
from girih.services.runs.schemas import RunIn


@dataclass(frozen=True)
class Meant:
    """The version a run is to have. `alias` is the one that led there, if it was one."""

    agent: PublishedAgent
    alias: str | None


async def fitting(
    agents: Agents, scope: OrgScope, body: RunIn, link: Link, keeps: UUID | None = None
) -> tuple[Meant, JsonObject]:
    """What the run's reference means for it, and the inputs as that version takes them.

    `keeps` is the version that its thread has. Raises `InvalidInput` for inputs that do not fit, and as `Agents.pick`.
    """
    found = await _meant(agents, scope, body, link, keeps)
    try:
        return found, _inputs(found, body)
    except InvalidInput:
        # It may mean another version by now, one that takes these inputs.
        agents.forget(scope, body.agent)
        found = await _meant(agents, scope, body, link, keeps)
        return found, _inputs(found, body)


def sticky_key(body: RunIn, link: Link) -> str | None:
    """What tells callers apart that an alias shares out: a thread, else a key of the app's own, else a user."""
    if link.thread is not None:
        return f"thread {link.thread}"
    if body.sticky_key is not None:
        return f"key {body.sticky_key}"
    return f"user {body.user}" if body.user is not None else None


async def _meant(agents: Agents, scope: OrgScope, body: RunIn, link: Link, keeps: UUID | None) -> Meant:
    agent = await agents.pick(scope, body.agent, sticky_key(body, link), keeps)
    reference = parse_reference(body.agent)
    return Meant(agent, reference.value if reference.by == "alias" else None)


def _inputs(found: Meant, body: RunIn) -> JsonObject:
    plan = found.agent.plan
    return checked_inputs(plan.inputs, asked_inputs(plan, body))
