"""Moves of protected aliases: asked for by one, decided on by another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import BadCursor, Conflict, Forbidden, NotFound
from girih.services.agents import alias_repository, proposal_repository
from girih.services.agents.alias_schemas import ProposalOut, Wanted
from girih.services.agents.changing import DECIDED, PROPOSED, Change, Changes
from girih.services.agents.moving import Place, perform
from girih.services.agents.proposal_repository import Proposed
from girih.services.agents.second_person import is_one_person

KEPT = timedelta(days=7)
"""How long a proposal can be decided on where nothing else is said."""

Decision = Literal["approved", "refused", "withdrawn"]
DECISIONS: tuple[Decision, ...] = ("approved", "refused", "withdrawn")


class Proposals:
    """What waits for a second person. A decision is final; who asked can only withdraw."""

    def __init__(self, uow: UnitOfWork, changes: Changes) -> None:
        self._uow = uow
        self._changes = changes

    async def proposals(
        self, scope: OrgScope, *, is_open: bool = False, cursor: str | None = None, limit: int = 50
    ) -> tuple[list[ProposalOut], str | None]:
        """The project's proposals, the newest first, and the cursor of the next page."""
        before = _cursor(cursor)
        async with self._uow(scope) as work:
            rows = await proposal_repository.proposals(work, scope, is_open=is_open, before=before, limit=limit + 1)
            items = [out(one) for one in rows[:limit]]
        return items, items[-1].id if len(rows) > limit else None

    async def proposal(self, scope: OrgScope, id: UUID) -> ProposalOut:
        """One proposal as it stands. Raises `NotFound`."""
        async with self._uow(scope) as work:
            found = await proposal_repository.proposal(work, scope, id)
            if found is None:
                raise _unknown(id)
            return out(found)

    async def approve(self, scope: OrgScope, id: UUID, comment: str | None = None) -> ProposalOut:
        """Let it happen, in one transaction. Raises `Forbidden` to who asked for it.

        And `Conflict` for one that was decided on, is past its time, or was asked for before the alias's last move.
        """
        async with self._changes.begin(scope) as change:
            found = await self._open(change, id)
            await _check_second(change, found)
            if (reason := _past(found)) is not None:
                raise Conflict(reason, help="look where the alias leads now, and ask for the move again")
            place = Place(found.row.agent_id, found.name, found.row.alias)
            wanted = Wanted(action=found.row.action, **found.row.wanted)
            await perform(change, place, wanted, proposed_by=found.row.proposed_by)
            return await self._decide(change, found, "approved", comment)

    async def refuse(self, scope: OrgScope, id: UUID, comment: str | None = None) -> ProposalOut:
        """Let it not happen. Raises `Forbidden` to who asked for it, and `Conflict` for one that was decided on."""
        async with self._changes.begin(scope) as change:
            found = await self._open(change, id)
            await _check_second(change, found)
            return await self._decide(change, found, "refused", comment)

    async def withdraw(self, scope: OrgScope, id: UUID) -> ProposalOut:
        """Ask for it no longer. Raises `Forbidden` to anybody but who asked."""
        async with self._changes.begin(scope) as change:
            found = await self._open(change, id)
            if found.row.proposed_by != scope.actor:
                raise Forbidden("only who asked for a move can withdraw that", help="refuse it instead")
            return await self._decide(change, found, "withdrawn", None)

    async def _open(self, change: Change, id: UUID) -> Proposed:
        """A proposal that nobody has decided on, held together with its agent's aliases."""
        seen = await proposal_repository.proposal(change.work, change.scope, id)
        if seen is None:
            raise _unknown(id)
        await alias_repository.hold(change.work, change.scope, seen.row.agent_id)
        change.work.session.expire_all()
        found = await proposal_repository.proposal(change.work, change.scope, id, lock=True)
        if found is None:
            raise _unknown(id)
        if found.row.state != "open":
            raise Conflict(
                f"this move was {found.row.state} by {found.row.decided_by}", help="ask for it again if it is wanted"
            )
        return found

    async def _decide(self, change: Change, found: Proposed, state: Decision, comment: str | None) -> ProposalOut:
        row = found.row
        row.state, row.decided_by, row.decided_at, row.decision = state, change.scope.actor, found.now, comment
        await change.work.session.flush()
        await change.tell(
            DECIDED, agent=found.name, alias=row.alias, proposal=str(row.id), state=state, proposed_by=row.proposed_by
        )
        return out(found)


async def propose(
    change: Change, place: Place, wanted: Wanted, comment: str | None, expires_in: timedelta
) -> ProposalOut:
    """Keep what somebody asks for, until a second person decides."""
    work, scope = change.work, change.scope
    base = await alias_repository.last_move(work, scope, place.agent_id, place.alias)
    until = datetime.now(UTC) + expires_in
    made = await proposal_repository.add(work, scope, place.agent_id, place.alias, wanted, base, comment, until)
    await change.tell(PROPOSED, **place.told, proposal=str(made), wants=wanted.action, version=wanted.version)
    found = await proposal_repository.proposal(work, scope, made)
    assert found is not None  # noqa: S101 - it was just made
    return out(found)


def out(found: Proposed) -> ProposalOut:
    """As doors show it."""
    row = found.row
    said = {name: getattr(row, name) for name in ("alias", "comment", "proposed_by", "created_at", "expires_at")}
    decided = {name: getattr(row, name) for name in ("decided_by", "decided_at", "decision")}
    state = _state(found)
    return ProposalOut(
        id=str(row.id), agent=found.name, action=row.action, **row.wanted, state=state, **said, **decided
    )


def _state(found: Proposed) -> Literal["open", "approved", "refused", "withdrawn", "expired", "stale"]:
    for decided in DECISIONS:
        if found.row.state == decided:
            return decided
    if found.row.expires_at <= found.now:
        return "expired"
    return "stale" if found.row.base != found.last_move else "open"


def _past(found: Proposed) -> str | None:
    """Why it is too late to approve."""
    state = _state(found)
    if state == "expired":
        return f"this move could be approved until {found.row.expires_at:%Y-%m-%d %H:%M} UTC"
    if state == "stale":
        return f"`{found.name}@{found.row.alias}` has moved since this was asked for"
    return None


async def _check_second(change: Change, found: Proposed) -> None:
    if await is_one_person(change.work, found.row.proposed_by, change.scope.actor):
        raise Forbidden(
            "who asked for a move cannot decide on it; a key counts as the person, or the key, that made it",
            help="let somebody else decide",
        )


def _unknown(id: UUID) -> NotFound:
    return NotFound(f"there is no proposal {id}", help="`girih approvals` lists those that are open")


def _cursor(text: str | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise BadCursor("the cursor is not one of this list", help="send the `next` of the page before") from None
