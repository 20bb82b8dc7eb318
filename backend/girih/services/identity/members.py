"""The members of an organization: invited, given roles, suspended, removed; and the organization's own roles."""

from __future__ import annotations

import hmac
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized
from girih.language.spec.suggest import hint
from girih.services.audit.service import record
from girih.services.identity import member_repository as repository
from girih.services.identity.accounts import AccountService
from girih.services.identity.addresses import email_of
from girih.services.identity.granting import Wanted, allowed, require_held, told
from girih.services.identity.keys import read_key
from girih.services.identity.member_repository import Grant
from girih.services.identity.names import person_name
from girih.services.identity.people_schemas import (
    AccountOut,
    GrantOut,
    InvitationOut,
    MemberOut,
    NewInvitation,
    RoleOut,
    SignedIn,
)
from girih.services.identity.post import Post
from girih.services.identity.roles import OWNER, POLICY, permissions_of
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.tables import Invitation
from girih.services.identity.tokens import Holder

OPEN: Final = timedelta(days=7)
"""How long an invitation holds."""

_ROLE: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_ROLE: Final = 64


class MemberService:
    """Knows who belongs to an organization, and what each may do in it. Every change leaves it an owner."""

    def __init__(self, uow: UnitOfWork, accounts: AccountService, post: Post | None = None) -> None:
        self._post = post or Post()
        self._uow = uow
        self._accounts = accounts

    async def members(self, scope: OrgScope) -> list[MemberOut]:
        """The members of the organization with their roles, by address."""
        async with self._uow(scope) as work:
            found, grants = await repository.members(work), await repository.grants(work)
        return [
            MemberOut(
                id=one.account_id,
                email=one.email,
                name=one.name,
                since=one.since,
                suspended_at=one.suspended_at,
                roles=_of(one.account_id, grants),
            )
            for one in found
        ]

    async def invite(self, scope: OrgScope, email: str, role: str, project: str | None = None) -> NewInvitation:
        """Invite somebody. The token that comes with it opens the organization to whoever holds it, for seven days.

        Raises `Forbidden` for a role that may do what the inviter may not.
        """
        key, mail = self._post.invitation()
        async with self._uow(scope) as work:
            (grant,) = await allowed(work, scope, [Wanted(role, project)])
            row = Invitation(
                id=key.id,
                org_id=scope.org_id,
                email=email_of(email),
                role=role,
                project_id=grant.project_id,
                hash=key.hash,
                created_by=scope.actor,
                expires_at=datetime.now(UTC) + OPEN,
                mail_state=mail,
            )
            await repository.add_invitation(work, row)
            told = {"email": row.email, "role": role, "project": project}
            await record(work, "invitation.created", f"invitation:{row.id}", org_wide=True, **told)
            made = InvitationOut.model_validate(row)
        self._post.ring()
        return NewInvitation(**made.model_dump(), token=key.text)

    async def invitations(self, scope: OrgScope) -> list[InvitationOut]:
        """Every invitation of the organization, the newest first."""
        async with self._uow(scope) as work:
            return [InvitationOut.model_validate(row) for row in await repository.invitations(work)]

    async def revoke_invitation(self, scope: OrgScope, id: UUID) -> None:
        """End an invitation that nobody has accepted. Revoking it again changes nothing."""
        async with self._uow(scope) as work:
            row = await repository.invitation(work, id, held=True)
            if row is None:
                raise NotFound(f"no invitation `{id}`", help="list the invitations to find its id")
            if row.accepted_at is not None:
                raise Conflict("this invitation has been accepted", help="remove the member instead")
            if row.revoked_at is None:
                row.revoked_at = datetime.now(UTC)
                await record(work, "invitation.revoked", f"invitation:{id}", org_wide=True)

    async def accept(self, token: str, name: str, password: str, client: str) -> SignedIn:
        """Become a member by an invitation: a new person by that password, one with an account by his own.

        Raises `Unauthorized` for an invitation that does not hold, always with the same words.
        """
        name, row = person_name(name), await self._invitation(token)
        account_id = await self._accounts.register(row.email, name, password)
        await self._join(row, account_id)
        return await self._accounts.begin(account_id, client)

    async def join(self, holder: Holder, token: str) -> AccountOut:
        """Let somebody who has signed in become a member by an invitation to his own address.

        Raises `Unauthorized` as `accept` does, `Forbidden` for an invitation to another address.
        """
        row, person = await self._invitation(token), await self._accounts.me(holder)
        if row.email != person.email:
            raise Forbidden("this invitation is for another address", help="ask for one to your own address")
        await self._join(row, person.id)
        return await self._accounts.me(holder)

    async def _invitation(self, token: str) -> Invitation:
        """The invitation that a token is for. Raises `Unauthorized` for one that does not hold."""
        shown = read_key(token)
        if shown is None:
            raise _refused()
        async with self._uow.reading_for("invitation", row=shown.id) as work:
            row = await repository.invitation(work, shown.id)
        if row is None or not hmac.compare_digest(row.hash, shown.hash) or not _is_open(row):
            raise _refused()
        return row

    async def _join(self, row: Invitation, account_id: UUID) -> None:
        scope = OrgScope(row.org_id, row.org_id, actor=f"user:{account_id}")
        async with self._uow(scope) as work, keeping_an_owner(work):
            held = await repository.invitation(work, row.id, held=True)
            if held is None or not _is_open(held):
                raise _refused()
            held.accepted_at = datetime.now(UTC)
            await repository.add_member(work, account_id)
            await repository.set_grant(work, account_id, held.role, held.project_id)
            await record(work, "member.joined", f"user:{account_id}", org_wide=True, role=held.role)
        self._accounts.forget(account_id)

    async def set_roles(self, scope: OrgScope, account_id: UUID, roles: Sequence[Wanted]) -> MemberOut:
        """Give a member these roles in place of all that he has. Raises as `invite` does, and for the last owner."""
        async with self._uow(scope) as work, keeping_an_owner(work):
            wanted = await allowed(work, scope, roles)
            await self._require_member(work, scope, account_id)
            await repository.clear_grants(work, account_id)
            for grant in wanted:
                await repository.set_grant(work, account_id, grant.role, grant.project_id, grant.unit_id)
            await record(work, "member.roles_set", f"user:{account_id}", org_wide=True, roles=told(roles))
        self._accounts.forget(account_id)
        return next(one for one in await self.members(scope) if one.id == account_id)

    async def suspend(self, scope: OrgScope, account_id: UUID, *, suspended: bool) -> None:
        """Let a member do nothing here until he is resumed; holds everywhere within five seconds."""
        async with self._uow(scope) as work, keeping_an_owner(work):
            await self._require_member(work, scope, account_id)
            await repository.suspend(work, account_id, suspended=suspended)
            done = "member.suspended" if suspended else "member.resumed"
            await record(work, done, f"user:{account_id}", org_wide=True)
        self._accounts.forget(account_id)

    async def remove(self, scope: OrgScope, account_id: UUID) -> None:
        """End a membership, with all its roles. The person's account stays; other organizations know it."""
        async with self._uow(scope) as work, keeping_an_owner(work):
            await self._require_member(work, scope, account_id)
            await repository.remove_member(work, account_id)
            await record(work, "member.removed", f"user:{account_id}", org_wide=True)
        self._accounts.forget(account_id)

    async def roles(self, scope: OrgScope) -> list[RoleOut]:
        """Every role that a member may have, with what it may do: those of girih, then the organization's own."""
        async with self._uow(scope) as work:
            custom = await repository.custom_roles(work)
        built_in = [RoleOut(name=name, permissions=sorted(held), custom=False) for name, held in POLICY.items()]
        return [*built_in, *(RoleOut(name=name, permissions=held, custom=True) for name, held in custom.items())]

    async def put_role(self, scope: OrgScope, name: str, permissions: Iterable[str]) -> RoleOut:
        """Make a role, or say anew what it may do. It may do nothing that its maker may not (`Forbidden`)."""
        wanted = _role_permissions(name, permissions)
        require_held(scope, wanted, f"the role `{name}`")
        async with self._uow(scope) as work:
            await repository.put_role(work, name, sorted(wanted))
            await record(work, "role.set", f"role:{name}", org_wide=True, permissions=sorted(wanted))
        return RoleOut(name=name, permissions=sorted(wanted), custom=True)

    async def remove_role(self, scope: OrgScope, name: str) -> None:
        """Remove a role of the organization's own. Raises `Conflict` while somebody has it."""
        async with self._uow(scope) as work:
            await repository.hold_organization(work)
            if any(grant.role == name for grant in await repository.grants(work)):
                raise Conflict(f"members have the role `{name}`", help="give them another one first")
            if not await repository.remove_role(work, name):
                raise NotFound(f"no role `{name}` of your own", help=hint(name, await repository.custom_roles(work)))
            await record(work, "role.removed", f"role:{name}", org_wide=True)

    async def _require_member(self, work: Work, scope: OrgScope, account_id: UUID) -> None:
        """Raises `NotFound` for nobody of this organization, `Forbidden` for one who may do more than the caller."""
        known = {member.account_id for member in await repository.members(work)}
        if account_id not in known:
            raise NotFound(f"no member `{account_id}`", help="list the members to find the id")
        custom = await repository.custom_roles(work)
        held = [grant.role for grant in await repository.grants(work) if grant.account_id == account_id]
        require_held(scope, permissions_of(held, custom), "this member")


@asynccontextmanager
async def keeping_an_owner(work: Work) -> AsyncIterator[None]:
    """Raises `Conflict` where the change inside takes the organization's last owner away."""
    await repository.hold_organization(work)
    had_one = await _has_owner(work)
    yield
    if had_one and not await _has_owner(work):
        raise Conflict("the organization would be left without an owner", help="make somebody else an owner first")


async def _has_owner(work: Work) -> bool:
    owners = {grant.account_id for grant in await repository.grants(work) if grant.role == OWNER}
    return any(one.account_id in owners and one.suspended_at is None for one in await repository.members(work))


def _role_permissions(name: str, permissions: Iterable[str]) -> frozenset[str]:
    if not _ROLE.fullmatch(name) or len(name) > _LONGEST_ROLE or name in POLICY:
        raise InvalidInput(
            f"`{name[:_LONGEST_ROLE]}` cannot be the name of a role of your own",
            help=f"lower-case words joined by `-`, other than {', '.join(POLICY)}",
        )
    wanted = frozenset(permissions)
    if unknown := sorted(wanted - PERMISSIONS):
        raise InvalidInput(f"unknown permission: {unknown[0]}", help=hint(unknown[0], PERMISSIONS, "permissions"))
    return wanted


def _of(account_id: UUID, grants: Sequence[Grant]) -> list[GrantOut]:
    mine = [one for one in grants if one.account_id == account_id]
    return [GrantOut(role=one.role, project=one.project, unit=one.unit_id) for one in mine]


def _is_open(row: Invitation) -> bool:
    return row.accepted_at is None and row.revoked_at is None and row.expires_at > datetime.now(UTC)


def _refused() -> Unauthorized:
    return Unauthorized("this invitation does not hold, or no longer", help="ask for a new one")
