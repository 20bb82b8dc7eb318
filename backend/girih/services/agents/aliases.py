"""Aliases: led to versions, back again, and removed; every move is kept."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, NotFound
from girih.language.spec.suggest import hint
from girih.services.agents import alias_repository, listing, repository
from girih.services.agents.alias_repository import Moved
from girih.services.agents.finding import check_name, find, unknown
from girih.services.agents.references import LATEST, check_movable, parse_version
from girih.services.agents.schemas import AgentOut, MoveOut


class Aliases:
    """Names for versions that people move: `prod`, `staging`, any but `latest`."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    async def set(self, scope: OrgScope, name: str, alias: str, version: str) -> AgentOut:
        """Point an alias at a version, named by itself, its digest or another alias."""
        check_name(name)
        check_movable(alias)
        reference = parse_version(name, version)
        async with self._uow(scope) as work:
            target = await find(work, scope, reference)
            if await alias_repository.held(work, scope, target.agent_id, alias) != target.version_id:
                await alias_repository.move(work, scope, target.agent_id, alias, target.version_id, "set")
            (agent,) = await listing.agents(work, scope, name)
            return agent

    async def roll_back(self, scope: OrgScope, name: str, alias: str) -> AgentOut:
        """Lead an alias back to the version it pointed at before; a second time to the one before that.

        Raises `Conflict` where it has pointed at no other version.
        """
        check_movable(alias)
        async with self._uow(scope) as work:
            agent_id = await self._held(work, scope, name, alias)
            path = way(await alias_repository.moves(work, scope, agent_id, alias))
            if len(path) <= 1:
                raise Conflict(
                    f"`{name}@{alias}` has pointed at no other version before",
                    help="name the version: set the alias instead",
                )
            await alias_repository.move(work, scope, agent_id, alias, path[-2], "rolled_back")
            (agent,) = await listing.agents(work, scope, name)
            return agent

    async def remove(self, scope: OrgScope, name: str, alias: str) -> None:
        """Remove an alias; what was begun by it goes on."""
        check_movable(alias)
        async with self._uow(scope) as work:
            await alias_repository.remove(work, scope, await self._held(work, scope, name, alias), alias)

    async def moves(self, scope: OrgScope, name: str, alias: str) -> list[MoveOut]:
        """Every move of an alias, the newest first; also of one that was removed."""
        check_movable(alias)
        async with self._uow(scope) as work:
            found = await alias_repository.moves(work, scope, await _agent(work, scope, name), alias)
            if not found:
                raise await _no_alias(work, scope, name, alias)
        return [MoveOut(version=one.version, reason=one.reason, by=one.actor, at=one.at) for one in reversed(found)]

    async def _held(self, work: Work, scope: OrgScope, name: str, alias: str) -> UUID:
        """The agent, whose alias nobody else moves until the transaction ends."""
        agent_id = await _agent(work, scope, name)
        if await alias_repository.held(work, scope, agent_id, alias) is None:
            raise await _no_alias(work, scope, name, alias)
        return agent_id


def way(moves: Iterable[Moved]) -> list[UUID]:
    """The versions an alias was led to, without those it was led back from; the last one is where it points."""
    path: list[UUID] = []
    for move in moves:
        if move.version_id is None:
            path.clear()
        elif move.reason == "rolled_back":
            del path[-1:]
        else:
            path.append(move.version_id)
    return path


async def _agent(work: Work, scope: OrgScope, name: str) -> UUID:
    check_name(name)
    found = await repository.latest(work, scope, [name])
    if not found:
        raise await unknown(work, scope, name)
    return found[name].agent_id


async def _no_alias(work: Work, scope: OrgScope, name: str, alias: str) -> NotFound:
    versions = await listing.versions(work, scope, name)
    known = sorted({one for version in versions for one in version.aliases} - {LATEST})
    return NotFound(f"the agent `{name}` has no alias `{alias}`", help=hint(alias, known))
