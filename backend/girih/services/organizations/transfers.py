"""Another owner: offered by one, accepted by the other, and done in one transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound
from girih.services.audit.service import record
from girih.services.identity import member_repository as members
from girih.services.identity.accounts import AccountService
from girih.services.identity.choosing import require_open
from girih.services.identity.members import keeping_an_owner
from girih.services.identity.roles import OWNER
from girih.services.identity.tokens import Holder
from girih.services.organizations import repository
from girih.services.organizations.schemas import TransferOut
from girih.services.organizations.tables import OwnershipTransfer

OPEN: Final = timedelta(days=7)
"""How long an offer holds."""

AFTERWARDS: Final = "admin"
"""The role of whoever has given the ownership away."""

_PERSON: Final = "user:"


class TransferService:
    """Hands the ownership of organizations over. The other owners, if there are any, stay owners."""

    def __init__(self, uow: UnitOfWork, accounts: AccountService) -> None:
        self._uow = uow
        self._accounts = accounts

    async def offer(self, scope: OrgScope, to: UUID) -> TransferOut:
        """Offer one's own ownership to another member, in place of an offer before. Raises `Forbidden`, `NotFound`."""
        giver = _person(scope)
        async with self._uow(scope) as work:
            await members.hold_organization(work)
            found = {member.account_id: member for member in await members.members(work)}
            if giver not in await _owners(work):
                raise Forbidden("only an owner can give the ownership away", help="sign in as an owner")
            if to not in found:
                raise NotFound(f"no member `{to}`", help="list the members to find the id")
            if to == giver or found[to].suspended_at is not None:
                raise InvalidInput("this member cannot become the owner", help="choose another one, who is active")
            row = OwnershipTransfer(
                id=new_id(), org_id=scope.org_id, from_id=giver, to_id=to, expires_at=datetime.now(UTC) + OPEN
            )
            await repository.put_transfer(work, row)
            await work.session.refresh(row)
            organization = await repository.organization(work)
            shown = _shown(row, organization.name if organization else "")
            await record(work, "organization.offered", f"user:{to}", org_wide=True)
        return shown

    async def withdraw(self, scope: OrgScope) -> None:
        """Take the offer back. Raises `NotFound` where there is none."""
        async with self._uow(scope) as work:
            if not await repository.drop_transfer(work):
                raise NotFound("nobody is offered the ownership", help="there is nothing to take back")
            await record(work, "organization.offer_withdrawn", f"organization:{scope.org_id}", org_wide=True)

    async def offers(self, holder: Holder) -> list[TransferOut]:
        """What a person is offered, by names of organizations."""
        async with self._uow.of_account(holder.account_id) as work:
            return [_shown(row, name) for row, name in await repository.offers(work, holder.account_id)]

    async def accept(self, holder: Holder, id: UUID) -> None:
        """Become the owner in place of the one who offered it, who is an administrator afterwards.

        Raises `NotFound` for an offer to somebody else, `Conflict` where the other is no owner any more.
        """
        offered = await self._offered(holder, id)
        scope = OrgScope(offered.organization_id, offered.organization_id, f"{_PERSON}{holder.account_id}")
        async with self._uow(scope) as work, keeping_an_owner(work):
            state = await repository.organization(work)
            if state is not None:
                require_open(state.suspended_at, state.deletes_at)
            row = await repository.transfer(work, id)
            active = {one.account_id for one in await members.members(work) if one.suspended_at is None}
            if row is None or row.to_id != holder.account_id or holder.account_id not in active:
                raise _unknown(id)
            if row.from_id not in await _owners(work) & active:
                raise Conflict("whoever offered this owns the organization no more", help="ask an owner for an offer")
            await members.set_grant(work, row.to_id, OWNER, None)
            await members.set_grant(work, row.from_id, AFTERWARDS, None)
            former = row.from_id
            await repository.drop_transfer(work)
            await record(
                work, "organization.transferred", f"user:{holder.account_id}", org_wide=True, former=f"user:{former}"
            )
        for account_id in (holder.account_id, former):
            self._accounts.forget(account_id)

    async def decline(self, holder: Holder, id: UUID) -> None:
        """Say no to an offer. Raises `NotFound` for an offer to somebody else."""
        offered = await self._offered(holder, id)
        scope = OrgScope(offered.organization_id, offered.organization_id, f"{_PERSON}{holder.account_id}")
        async with self._uow(scope) as work:
            row = await repository.transfer(work, id)
            if row is None or row.to_id != holder.account_id:
                raise _unknown(id)
            await repository.drop_transfer(work)
            await record(work, "organization.offer_declined", f"user:{holder.account_id}", org_wide=True)

    async def _offered(self, holder: Holder, id: UUID) -> TransferOut:
        found = next((one for one in await self.offers(holder) if one.id == id), None)
        if found is None:
            raise _unknown(id)
        return found


async def _owners(work: Work) -> frozenset[UUID]:
    return frozenset(grant.account_id for grant in await members.grants(work) if grant.role == OWNER)


def _person(scope: OrgScope) -> UUID:
    if not scope.actor.startswith(_PERSON):
        raise Forbidden("an API key owns nothing that it could give away", help="sign in as an owner")
    return UUID(scope.actor.removeprefix(_PERSON))


def _shown(row: OwnershipTransfer, organization: str) -> TransferOut:
    return TransferOut(
        id=row.id,
        organization=organization,
        organization_id=row.org_id,
        from_id=row.from_id,
        to_id=row.to_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _unknown(id: UUID) -> NotFound:
    return NotFound(f"no offer `{id}` to you", help="`GET /v1/account/transfers` lists what you are offered")
