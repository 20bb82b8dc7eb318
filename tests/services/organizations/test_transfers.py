"""Ownership passes on when the other one says yes, and no organization is ever without an owner."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.services.identity.people import Town

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound
from girih.services.identity.people_schemas import SignedIn
from girih.services.organizations.schemas import TransferOut
from girih.services.organizations.transfers import TransferService


class Two:
    """An owner and another member, and what passes between them."""

    def __init__(self, uow: UnitOfWork, scope: OrgScope) -> None:
        self.scope, self.town = scope, Town.of(uow)
        self.transfers = TransferService(uow, self.town.accounts)
        self.owner: SignedIn
        self.other: SignedIn

    @classmethod
    async def of(cls, uow: UnitOfWork, scope: OrgScope) -> Two:
        two = cls(uow, scope)
        two.owner, two.other = await two.town.join(scope), await two.town.join(scope, "viewer")
        return two

    def id_of(self, person: SignedIn) -> UUID:
        return self.town.holder(person).account_id

    async def offer(self) -> TransferOut:
        return await self.transfers.offer(await self.town.scope_of(self.owner), self.id_of(self.other))

    async def roles(self) -> dict[UUID, list[str]]:
        return {one.id: [role.role for role in one.roles] for one in await self.town.members.members(self.scope)}


@pytest.fixture
async def two(uow: UnitOfWork, scope: OrgScope) -> Two:
    return await Two.of(uow, scope)


async def test_the_other_one_has_to_accept(two: Two) -> None:
    offer = await two.offer()
    assert (await two.roles())[two.id_of(two.other)] == ["viewer"]
    holder = two.town.holder(two.other)
    assert [one.id for one in await two.transfers.offers(holder)] == [offer.id]
    await two.transfers.accept(holder, offer.id)
    assert await two.roles() == {two.id_of(two.owner): ["admin"], two.id_of(two.other): ["owner"]}
    assert "organization:manage" in (await two.town.scope_of(two.other)).permissions
    with pytest.raises(NotFound):
        await two.transfers.accept(holder, offer.id)


async def test_it_is_for_nobody_else(two: Two, other_scope: OrgScope) -> None:
    offer = await two.offer()
    stranger = await two.town.join(other_scope)
    for person, wanted in ((stranger, offer.id), (two.owner, offer.id), (two.other, new_id())):
        holder = two.town.holder(person)
        for attempt in (two.transfers.accept(holder, wanted), two.transfers.decline(holder, wanted)):
            with pytest.raises(NotFound):
                await attempt
    with pytest.raises(NotFound):
        await two.transfers.offer(await two.town.scope_of(two.owner), two.id_of(stranger))


async def test_only_an_owner_offers_and_to_somebody_active(two: Two) -> None:
    mine = await two.town.scope_of(two.owner)
    with pytest.raises(Forbidden, match="owns nothing"):
        await two.transfers.offer(two.scope, two.id_of(two.other))
    with pytest.raises(Forbidden, match="only an owner"):
        await two.transfers.offer(await two.town.scope_of(two.other), two.id_of(two.owner))
    with pytest.raises(InvalidInput):
        await two.transfers.offer(mine, two.id_of(two.owner))
    await two.town.members.suspend(two.scope, two.id_of(two.other), suspended=True)
    with pytest.raises(InvalidInput):
        await two.transfers.offer(mine, two.id_of(two.other))


async def test_an_offer_ends_with_what_it_was_made_of(two: Two) -> None:
    offer = await two.offer()
    holder = two.town.holder(two.other)
    await two.town.members.suspend(two.scope, holder.account_id, suspended=True)
    with pytest.raises(NotFound):
        await two.transfers.accept(holder, offer.id)
    await two.town.members.suspend(two.scope, holder.account_id, suspended=False)
    await two.transfers.decline(holder, offer.id)
    again = await two.offer()
    await two.transfers.withdraw(two.scope)
    with pytest.raises(NotFound):
        await two.transfers.accept(holder, again.id)
    last = await two.offer()
    third = await two.town.join(two.scope)
    await two.town.members.remove(two.scope, two.id_of(two.owner))
    with pytest.raises(NotFound):
        await two.transfers.accept(holder, last.id)
    assert await two.roles() == {two.id_of(two.other): ["viewer"], two.id_of(third): ["owner"]}


async def test_who_is_no_owner_any_more_has_nothing_to_give(two: Two) -> None:
    offer = await two.offer()
    await two.town.join(two.scope)
    await two.town.members.set_roles(two.scope, two.id_of(two.owner), [])
    with pytest.raises(Conflict, match="no more"):
        await two.transfers.accept(two.town.holder(two.other), offer.id)
