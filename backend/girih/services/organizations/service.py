"""An organization as a whole: its name, whether anything may happen in it, and its end, which can be taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from girih.db.base import Organization
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound
from girih.services.audit.service import record
from girih.services.identity.accounts import AccountService
from girih.services.identity.callers import Callers
from girih.services.identity.choosing import place_of
from girih.services.identity.names import name_of
from girih.services.identity.repository import organization_named
from girih.services.identity.roles import OWNER
from girih.services.identity.tokens import Holder
from girih.services.organizations import repository
from girih.services.organizations.schemas import OrganizationOut

WINDOW: Final = timedelta(days=30)
"""How long a deletion can be taken back, where nothing else is set."""

_OPERATOR: Final = "operator"


class OrganizationService:
    """Knows organizations. What is changed here holds in other processes within five seconds.

    `window`: how long a deletion can be taken back.
    """

    def __init__(
        self, uow: UnitOfWork, accounts: AccountService, callers: Callers, *, window: timedelta = WINDOW
    ) -> None:
        self._uow = uow
        self._accounts = accounts
        self._callers = callers
        self._window = window

    async def organization(self, scope: OrgScope) -> OrganizationOut:
        """The caller's organization."""
        async with self._uow(scope) as work:
            return OrganizationOut.model_validate(await _held(work))

    async def rename(self, scope: OrgScope, name: str) -> OrganizationOut:
        """Call it otherwise. Raises `Conflict` where another one is called so."""
        name = name_of("organization", name)
        async with self._uow(scope) as work:
            row = await _held(work)
            former = row.name
            if not await repository.rename(work, name):
                raise Conflict(f"there is an organization `{name}` already", help="take another name")
            await record(
                work, "organization.renamed", f"organization:{row.id}", org_wide=True, name=name, former=former
            )
        return await self.organization(scope)

    async def delete(self, scope: OrgScope, confirmation: str) -> OrganizationOut:
        """Have everything of the organization removed once the window is over; nothing happens in it from now on.

        `confirmation` is its name, typed. Raises `InvalidInput` for another one, `Forbidden` for who is no owner.
        """
        require_whole(scope)
        async with self._uow(scope) as work:
            row = await _held(work)
            if confirmation != row.name:
                raise InvalidInput("this is not the organization's name", help="type its name to delete it")
            ends = await repository.now(work) + self._window
            await repository.set_state(work, deletes_at=ends)
            await record(
                work, "organization.deleted", f"organization:{row.id}", org_wide=True, removed_at=ends.isoformat()
            )
            shown = OrganizationOut.model_validate(row).model_copy(update={"deletes_at": ends})
        self._callers.forget(scope.org_id)
        return shown

    async def take_back(self, holder: Holder, organization: str | None) -> OrganizationOut:
        """Let an organization go on that is being deleted, for one of its owners: no other door is open to it.

        Raises `NotFound` for an organization in which the person has no role, `Forbidden` for who is no owner.
        """
        place = place_of((await self._accounts.me(holder)).places, organization)
        if OWNER not in place.roles:
            raise Forbidden("only an owner can take this back", help="ask an owner of the organization")
        scope = OrgScope(place.organization_id, place.project_id, f"user:{holder.account_id}")
        shown = await self._take_back(scope)
        self._accounts.forget(holder.account_id)
        return shown

    async def operate(self, name: str, *, suspended: bool | None = None) -> OrganizationOut:
        """Suspend an organization or let it go on, or (`None`) take its deletion back: what operators do by its name.

        Raises `NotFound`.
        """
        org_id = await self._named(name)
        if org_id is None:
            raise NotFound(f"no organization `{name}`", help="give its name as its members see it")
        scope = OrgScope(org_id, org_id, _OPERATOR)
        if suspended is None:
            return await self._take_back(scope)
        async with self._uow(scope) as work:
            row = await _held(work)
            if (row.suspended_at is not None) != suspended:
                await repository.set_state(work, suspended_at=datetime.now(UTC) if suspended else None)
                done = "organization.suspended" if suspended else "organization.resumed"
                await record(work, done, f"organization:{org_id}", org_wide=True)
        self._callers.forget(org_id)
        return await self.organization(scope)

    async def _take_back(self, scope: OrgScope) -> OrganizationOut:
        async with self._uow(scope) as work:
            row = await _held(work)
            if row.deletes_at is None:
                raise Conflict("the organization is not being deleted", help="there is nothing to take back")
            if row.purging_at is not None or row.deletes_at <= await repository.now(work):
                raise Conflict("the time to take this back is over", help="what is removed is gone")
            await repository.set_state(work, deletes_at=None)
            await record(work, "organization.kept", f"organization:{scope.org_id}", org_wide=True)
        self._callers.forget(scope.org_id)
        return await self.organization(scope)

    async def _named(self, name: str) -> UUID | None:
        async with self._uow.reading_for("bootstrap") as work:
            return await organization_named(work, name)


def require_whole(scope: OrgScope) -> None:
    """Raise `Forbidden` for a key that is limited to certain agents: this is about everything."""
    if scope.agents:
        raise Forbidden("this is about the whole organization, and the key is not", help="use a key without limits")


async def _held(work: Work) -> Organization:
    row = await repository.organization(work, held=True)
    if row is None or row.deleted_at is not None:
        raise NotFound("this organization is gone", help="make another one")
    return row
