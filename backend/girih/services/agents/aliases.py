"""Aliases: led to versions, shared out among them, back again, and removed; every move is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict
from girih.services.agents import (
    alias_repository,
    guard_repository,
    listing,
    protection_repository,
    repository,
    shelf_repository,
    target_repository,
)
from girih.services.agents.alias_repository import Moved
from girih.services.agents.alias_schemas import AliasOut, Guard, ProposalOut, Wanted
from girih.services.agents.changing import Change, Changes
from girih.services.agents.finding import check_name, unknown
from girih.services.agents.moving import Place, check, lead, no_alias, perform
from girih.services.agents.ports import Silent
from girih.services.agents.proposals import KEPT, propose
from girih.services.agents.references import check_movable
from girih.services.agents.schemas import AgentOut, MoveOut


@dataclass(frozen=True)
class Asked:
    """What is said with a change that may have to wait for a second person: why, and how long it may wait."""

    comment: str | None = None
    expires_in: timedelta = KEPT


PLAINLY = Asked()


class Aliases:
    """Names for versions that people move: `prod`, `staging`, any but `latest`.

    A change of a protected alias is only asked for: then a proposal is given, which a second person decides on.
    """

    def __init__(self, uow: UnitOfWork, changes: Changes) -> None:
        self._uow = uow
        self._changes = changes

    async def set(
        self,
        scope: OrgScope,
        name: str,
        alias: str,
        version: str,
        *,
        guard: Guard | None = None,
        asked: Asked = PLAINLY,
    ) -> AgentOut | ProposalOut:
        """Point an alias at a version, named by itself, its digest or another alias.

        With a guard it goes back by itself when the version does worse than that allows.
        """
        wanted = Wanted(action="set", version=version, guard=guard)
        return await self._ask(scope, name, alias, wanted, asked)

    async def split(
        self,
        scope: OrgScope,
        name: str,
        alias: str,
        weights: Mapping[str, int],
        *,
        guard: Guard | None = None,
        asked: Asked = PLAINLY,
    ) -> AgentOut | ProposalOut:
        """Share the alias's traffic out among versions, in percent; the one it points at stays the main one.

        Raises `InvalidInput` for shares that are not 100 together, or leave that version out.
        """
        wanted = Wanted(action="split", weights=dict(weights), guard=guard)
        return await self._ask(scope, name, alias, wanted, asked)

    async def remove(self, scope: OrgScope, name: str, alias: str, *, asked: Asked = PLAINLY) -> ProposalOut | None:
        """Remove an alias; what was begun by it goes on."""
        done = await self._ask(scope, name, alias, Wanted(action="remove"), asked)
        return done if isinstance(done, ProposalOut) else None

    async def roll_back(self, scope: OrgScope, name: str, alias: str) -> AgentOut:
        """Lead an alias back to the version it pointed at before; a second time to the one before that.

        One that shares its traffic out gives all of it to the version it points at. Nobody else has to agree: where it
        leads back to, it has led before. Raises `Conflict` where it has pointed at no other version.
        """
        check_movable(alias)
        async with self._changes.begin(scope) as change:
            place = await self._held(change, name, alias)
            to = await _back(change, place)
            await lead(change, place, to, "rolled_back")
            (agent,) = await listing.agents(change.work, scope, name)
            return agent

    async def alias(self, scope: OrgScope, name: str, alias: str) -> AliasOut:
        """Where an alias leads, who has to agree to moves, and what is watched."""
        check_movable(alias)
        async with self._uow(scope) as work:
            place = Place(await agent_of(work, scope, name), name, alias)
            found = await alias_repository.pointing(work, scope, place.agent_id, alias)
            if found is None:
                raise await no_alias(Change(work, scope, Silent()), place)
            shares = await target_repository.shares(work, scope, place.agent_id, alias)
            return AliasOut(
                agent=name,
                alias=alias,
                version=found.version,
                weights={share.version: share.weight for share in shares} or None,
                protected=await protection_repository.covers(work, scope, place.agent_id, alias),
                guard=await guard_repository.of(work, scope, place.agent_id, alias),
                moved_at=found.at,
            )

    async def moves(self, scope: OrgScope, name: str, alias: str) -> list[MoveOut]:
        """Every move of an alias, the newest first; also of one that was removed."""
        check_movable(alias)
        async with self._uow(scope) as work:
            place = Place(await agent_of(work, scope, name), name, alias)
            found = await alias_repository.moves(work, scope, place.agent_id, alias)
            if not found:
                raise await no_alias(Change(work, scope, Silent()), place)
        return [
            MoveOut(
                **{name: getattr(one, name) for name in ("version", "reason", "at", "commit", "dirty", "message")},
                by=one.actor,
                **(one.details or {}),
            )
            for one in reversed(found)
        ]

    async def _ask(
        self, scope: OrgScope, name: str, alias: str, wanted: Wanted, asked: Asked
    ) -> AgentOut | ProposalOut:
        """Do it, or keep it for a second person to decide."""
        check_name(name)
        check_movable(alias)
        async with self._changes.begin(scope) as change:
            place = Place(await agent_of(change.work, scope, name), name, alias)
            await alias_repository.hold(change.work, scope, place.agent_id)
            if await protection_repository.covers(change.work, scope, place.agent_id, alias):
                await check(change, place, wanted)
                return await propose(change, place, wanted, asked.comment, asked.expires_in)
            await perform(change, place, wanted)
            (agent,) = await listing.agents(change.work, scope, name)
            return agent

    async def _held(self, change: Change, name: str, alias: str) -> Place:
        """The alias, which nobody else moves until the transaction ends."""
        place = Place(await agent_of(change.work, change.scope, name), name, alias)
        await alias_repository.hold(change.work, change.scope, place.agent_id)
        if await alias_repository.held(change.work, change.scope, place.agent_id, alias) is None:
            raise await no_alias(change, place)
        return place


def way(moves: Iterable[Moved]) -> list[UUID]:
    """The versions an alias was led to, without those it was led back from; the last one is where it points.

    A move to where it points already is one that began or ended the sharing of its traffic.
    """
    path: list[UUID] = []
    for move in moves:
        if move.version_id is None:
            path.clear()
        elif move.reason.startswith("rolled_back") and path[-1:] != [move.version_id]:
            # Versions that were taken off the shelf are left out on the way back.
            while path and path[-1] != move.version_id:
                path.pop()
            path = path or [move.version_id]
        elif path[-1:] != [move.version_id]:
            path.append(move.version_id)
    return path


async def agent_of(work: Work, scope: OrgScope, name: str) -> UUID:
    """The agent of that name. Raises `NotFound`."""
    check_name(name)
    found = await repository.latest(work, scope, [name])
    if not found:
        raise await unknown(work, scope, name)
    return found[name].agent_id


async def _back(change: Change, place: Place) -> UUID:
    """The version to lead the alias back to."""
    path = way(await alias_repository.moves(change.work, change.scope, place.agent_id, place.alias))
    if await target_repository.shares(change.work, change.scope, place.agent_id, place.alias):
        return path[-1]
    unfit = await shelf_repository.unfit(change.work, change.scope, place.agent_id)
    before = [version_id for version_id in path[:-1] if version_id not in unfit]
    if not before:
        raise Conflict(
            f"`{place}` has pointed at no other version before{' that is left' if path[1:] else ''}",
            help="name the version: set the alias instead",
        )
    return before[-1]
