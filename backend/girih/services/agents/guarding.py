"""The automatic end of what is watched: back to the version before, or on to the new one for good."""

from __future__ import annotations

from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.language.spec.tree import JsonObject
from girih.services.agents import alias_repository, guard_repository, target_repository
from girih.services.agents.changing import Changes
from girih.services.agents.guard_repository import Held
from girih.services.agents.moving import Place, lead

WATCH = "system:guard"
"""Who moves aliases by themselves."""


class Guarding:
    """Ends guards. Any number of processes may come to the same end: it happens once."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def roll_back(self, scope: OrgScope, guard: Held, passed: str, figures: JsonObject) -> bool:
        """Give all traffic to the old version, since the new one passed a bound; whether that was still to be done."""
        details: JsonObject = {"passed": passed, "figures": figures}
        return await self._end(scope, guard, guard.old_version_id, details, is_good=False)

    async def promote(self, scope: OrgScope, guard: Held, version_id: UUID, figures: JsonObject) -> bool:
        """Give all traffic to the new version, since it kept within the bounds; whether that was still to be done."""
        return await self._end(scope, guard, version_id, {"figures": figures}, is_good=True)

    async def _end(self, scope: OrgScope, guard: Held, version_id: UUID, details: JsonObject, *, is_good: bool) -> bool:
        place = Place(guard.agent_id, guard.name, guard.alias)
        watcher = OrgScope(scope.org_id, scope.project_id, actor=WATCH)
        async with self._changes.begin(watcher) as change:
            await alias_repository.hold(change.work, watcher, guard.agent_id)
            if not await guard_repository.still(change.work, watcher, guard.id):
                return False
            now = await alias_repository.held(change.work, watcher, guard.agent_id, guard.alias)
            shares = await target_repository.shares(change.work, watcher, guard.agent_id, guard.alias)
            if is_good and not shares and now == version_id:
                # It has all traffic already; what is over is the watching.
                await guard_repository.end(
                    change.work, watcher, guard.agent_id, guard.alias, "passed", details["figures"]
                )
            elif is_good:
                await lead(change, place, version_id, "promoted_automatically", "passed", details)
            else:
                await lead(change, place, version_id, "rolled_back_automatically", "rolled_back", details)
            return True
