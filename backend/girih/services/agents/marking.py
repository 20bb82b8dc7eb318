"""Taking versions off the shelf: deprecated ones run with a warning, yanked ones are never chosen any more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput
from girih.services.agents import alias_repository, listing, repository
from girih.services.agents.changing import DEPRECATED, RESTORED, YANKED, Changes
from girih.services.agents.finding import check_name, find
from girih.services.agents.references import LATEST, parse_reference, parse_version
from girih.services.agents.repository import Resolved
from girih.services.shelf import mark_repository as marks
from girih.services.shelf.schemas import DeprecateIn, Mark, MarkIn, MarkOut, ShelvedOut, YankIn

_TOLD: Mapping[Mark, str] = {"deprecated": DEPRECATED, "restored": RESTORED, "yanked": YANKED}


class ShelfService:
    """Marks versions. A version itself never changes, and what runs on it goes on."""

    def __init__(self, uow: UnitOfWork, changes: Changes) -> None:
        self._uow = uow
        self._changes = changes

    async def deprecate(self, scope: OrgScope, name: str, version: str, body: DeprecateIn) -> ShelvedOut:
        """Say that a version should be used no more. It goes on running, and says so.

        Raises `NotFound` for a `replaced_by` that means nothing, and `InvalidInput` where that is the version itself.
        """

        async def check(work: Work, found: Resolved) -> None:
            if body.replaced_by is None:
                return
            instead = await find(work, scope, parse_reference(body.replaced_by))
            if instead.version_id == found.version_id:
                raise InvalidInput(f"`{body.replaced_by}` is the version itself", help="name another one, or none")

        return await self._mark(scope, name, version, "deprecated", body, check)

    async def yank(self, scope: OrgScope, name: str, version: str, body: YankIn) -> ShelvedOut:
        """Let no range, no `latest` and no new lock mean a version. An exact reference goes on meaning it.

        Raises `Conflict` where an alias that people move leads to it, or where it is the only one that is left, unless
        that is meant. `latest` then is the newest one that is left.
        """

        async def check(work: Work, found: Resolved) -> None:
            led = (await repository.aliases(work, scope, [found.agent_id]))[found.agent_id]
            held = sorted(alias for alias, to in led.items() if to == found.version and alias != LATEST)
            if held and not body.force:
                raise Conflict(
                    f"{' and '.join(f'`{name}@{alias}`' for alias in held)} "
                    f"{'leads' if len(held) == 1 else 'lead'} to {found.version}; nothing was yanked",
                    help=f"lead {'it' if len(held) == 1 else 'them'} to another version first, or force it",
                )

        return await self._mark(scope, name, version, "yanked", body, check)

    async def restore(self, scope: OrgScope, name: str, version: str, body: MarkIn) -> ShelvedOut:
        """Take back what was said of a version: nothing holds of it any more. Raises `Conflict` where nothing did."""

        async def check(work: Work, found: Resolved) -> None:
            if not await marks.holding(work, scope, version=found.version_id):
                raise Conflict(
                    f"{name}@{found.version} is neither deprecated nor yanked", help="there is nothing to restore"
                )

        return await self._mark(scope, name, version, "restored", body, check)

    async def history(self, scope: OrgScope, name: str, version: str) -> list[MarkOut]:
        """Every mark of a version, the newest first."""
        check_name(name)
        async with self._uow(scope) as work:
            found = await find(work, scope, parse_version(name, version))
            return await marks.history(work, scope, found.version_id)

    async def _mark(
        self,
        scope: OrgScope,
        name: str,
        version: str,
        mark: Mark,
        body: MarkIn,
        check: Callable[[Work, Resolved], Awaitable[None]],
    ) -> ShelvedOut:
        check_name(name)
        async with self._changes.begin(scope) as change:
            work = change.work
            # Publishing leads `latest`, too: one after the other.
            await repository.lock_project(work, scope)
            found = await find(work, scope, parse_version(name, version))
            await check(work, found)
            instead = getattr(body, "replaced_by", None)
            await marks.add(work, scope, found.agent_id, found.version_id, mark, body.reason, instead)
            await _lead_latest(work, scope, name, found.agent_id, forced=getattr(body, "force", False))
            told = {"agent": name, "version": found.version, "reason": body.reason, "replaced_by": instead}
            await change.tell(_TOLD[mark], **told)
            return await _shelved(work, scope, name, found)


async def _lead_latest(work: Work, scope: OrgScope, name: str, agent_id: UUID, *, forced: bool) -> None:
    """Let `latest` be the newest version that is not yanked. Raises `Conflict` where none is left."""
    left_out = await marks.yanked(work, scope, [agent_id])
    rows = [row for row in await repository.versions(work, scope, name) if row.collected_at is None]
    newest = next((row for row in rows if row.id not in left_out), None)
    if newest is not None:
        await alias_repository.point(work, scope, agent_id, LATEST, newest.id)
    elif not forced:
        raise Conflict(
            f"no version of `{name}` would be left that `latest` could mean; nothing was yanked",
            help="publish another version first, or force it: `latest` then stays where it is",
        )


async def _shelved(work: Work, scope: OrgScope, name: str, found: Resolved) -> ShelvedOut:
    holds = (await marks.holding(work, scope, version=found.version_id)).get(found.version_id)
    (agent,) = await listing.agents(work, scope, name)
    said = holds.notice.said if holds is not None else {"mark": None, "reason": None, "replaced_by": None}
    return ShelvedOut(name=name, version=found.version, aliases=agent.aliases, **said)
