"""Which version a run gets: what its reference means, and for whom it is where an alias shares its traffic out."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.services.agents.references import parse_reference
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.links import Link
from girih.services.runs.ports import Agents
from girih.services.runs.schemas import RunIn


@dataclass(frozen=True)
class Meant:
    """The version a run is to have. `alias` is the one that led there, if it was one."""

    agent: PublishedAgent
    alias: str | None


async def meant_by(agents: Agents, scope: OrgScope, body: RunIn, link: Link, keeps: UUID | None = None) -> Meant:
    """What the run's reference means for it; `keeps` is the version that its thread has. Raises as `Agents.pick`."""
    agent = await agents.pick(scope, body.agent, sticky_key(body, link), keeps)
    reference = parse_reference(body.agent)
    return Meant(agent, reference.value if reference.by == "alias" else None)


def sticky_key(body: RunIn, link: Link) -> str | None:
    """What tells callers apart that an alias shares out: a thread, else a key of the app's own, else a user."""
    if link.thread is not None:
        return f"thread {link.thread}"
    if body.sticky_key is not None:
        return f"key {body.sticky_key}"
    return f"user {body.user}" if body.user is not None else None
