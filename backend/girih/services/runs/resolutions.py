"""What references to agents meant last: looked up once, then only confirmed where the run is recorded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.services.agents.references import parse_reference
from girih.services.agents.schemas import PublishedAgent
from girih.services.runs.ports import Agents


@dataclass(frozen=True)
class Resolution:
    """What a reference meant when it was looked up. `alias` is the one that led there, if it was one."""

    agent: PublishedAgent
    alias: str | None


class Resolutions:
    """The latest `size` references that were used. Whoever acts on one confirms it, and forgets it if it has moved."""

    def __init__(self, agents: Agents, size: int = 512) -> None:
        self._agents = agents
        self._size = size
        self._known: OrderedDict[tuple[UUID, UUID, str], Resolution] = OrderedDict()

    async def find(self, scope: OrgScope, ref: str) -> Resolution:
        """What the reference meant last, or means now. Raises `InvalidInput` and `NotFound`."""
        key = scope.org_id, scope.project_id, ref
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        reference = parse_reference(ref)
        agent = await self._agents.resolve(scope, ref)
        found = self._known[key] = Resolution(agent, reference.value if reference.by == "alias" else None)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return found

    def forget(self, scope: OrgScope, ref: str) -> None:
        """Look the reference up the next time."""
        self._known.pop((scope.org_id, scope.project_id, ref), None)
