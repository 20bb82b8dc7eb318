"""A transaction that may change what references mean: what happened is told in it, and what was known is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.agents.meanings import Meanings
from girih.services.agents.ports import Tells
from girih.services.audit.service import record

DECIDED: Final = "agent.alias.decided"
MOVED: Final = "agent.alias.moved"
PROPOSED: Final = "agent.alias.proposed"
PROTECTED: Final = "agent.alias.protected"
REMOVED: Final = "agent.alias.removed"
ROLLED_BACK: Final = "agent.alias.rolled_back"
SPLIT: Final = "agent.alias.split"
UNPROTECTED: Final = "agent.alias.unprotected"
DEPRECATED: Final = "agent.version.deprecated"
RESTORED: Final = "agent.version.restored"
YANKED: Final = "agent.version.yanked"

OF_ALIASES: Final = (DECIDED, MOVED, PROPOSED, PROTECTED, REMOVED, ROLLED_BACK, SPLIT, UNPROTECTED)
TYPES: Final = (*OF_ALIASES, DEPRECATED, RESTORED, YANKED)
"""Every domain event about aliases and versions, in order: they are got ready for in the same one by everybody."""


@dataclass
class Change:
    """What is being changed, in one transaction."""

    work: Work
    scope: OrgScope
    tells: Tells
    after: list[Callable[[], None]] = field(default_factory=list)
    told: list[tuple[str, JsonObject]] = field(default_factory=list)

    async def tell(self, type: str, **data: JsonValue) -> None:
        """Publish a domain event, with who did it."""
        self.told.append((type, data))
        self.after.extend(await self.tells.tell(self.work, self.scope, type, {**data, "by": self.scope.actor}))


class Changes:
    """Opens such transactions."""

    def __init__(self, uow: UnitOfWork, tells: Tells, meanings: Meanings) -> None:
        self._uow = uow
        self._tells = tells
        self._meanings = meanings

    @asynccontextmanager
    async def begin(self, scope: OrgScope) -> AsyncIterator[Change]:
        """One transaction. What it changed is known in this process when it has committed."""
        async with self._uow(scope) as work:
            await self._tells.ready(work, scope, TYPES)
            change = Change(work, scope, self._tells)
            yield change
            for kind, data in change.told:
                agent = data["agent"] if data["agent"] is not None else "*"
                await record(
                    work, kind.removeprefix("agent."), f"{agent}@{data.get('alias') or data['version']}", **data
                )
        self._meanings.changed(scope.project_id)
        for call in change.after:
            call()
