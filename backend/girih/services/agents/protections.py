"""Who has to agree to moves of an alias: of one agent, or of every agent of a project."""

from __future__ import annotations

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.services.agents import protection_repository
from girih.services.agents.alias_schemas import ProtectionOut
from girih.services.agents.aliases import agent_of
from girih.services.agents.changing import PROTECTED, UNPROTECTED, Changes
from girih.services.agents.references import check_movable


class Protections:
    """Aliases whose moves a second person has to agree to."""

    def __init__(self, uow: UnitOfWork, changes: Changes) -> None:
        self._uow = uow
        self._changes = changes

    async def protections(self, scope: OrgScope) -> list[ProtectionOut]:
        """Every protected alias of the project."""
        async with self._uow(scope) as work:
            return list(await protection_repository.listed(work, scope))

    async def protect(self, scope: OrgScope, name: str | None, alias: str) -> ProtectionOut:
        """Let moves of the alias wait for a second person from now on; without a name, of every agent."""
        check_movable(alias)
        async with self._changes.begin(scope) as change:
            agent_id = await agent_of(change.work, scope, name) if name is not None else None
            if await protection_repository.put(change.work, scope, agent_id, alias):
                await change.tell(PROTECTED, agent=name, alias=alias)
            known = await protection_repository.listed(change.work, scope)
        return next(one for one in known if (one.agent, one.alias) == (name, alias))

    async def unprotect(self, scope: OrgScope, name: str | None, alias: str) -> None:
        """Let moves of the alias happen at once again. Raises `NotFound` where it is not protected by itself."""
        check_movable(alias)
        async with self._changes.begin(scope) as change:
            agent_id = await agent_of(change.work, scope, name) if name is not None else None
            if not await protection_repository.remove(change.work, scope, agent_id, alias):
                raise NotFound(
                    f"`{name}@{alias}` is not protected by itself"
                    if name
                    else f"`{alias}` is not protected in general",
                    help="see which aliases are protected, and where",
                )
            await change.tell(UNPROTECTED, agent=name, alias=alias)
