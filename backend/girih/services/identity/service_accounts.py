"""Service accounts: programs that have roles as members do, and keys that may never do more than these allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput, NotFound
from girih.language.spec.suggest import hint
from girih.services.audit.service import record
from girih.services.identity import member_repository as members
from girih.services.identity import service_account_repository as repository
from girih.services.identity.callers import Callers
from girih.services.identity.granting import Wanted, allowed, require_held, told
from girih.services.identity.names import name_of
from girih.services.identity.people_schemas import GrantOut
from girih.services.identity.roles import OWNER, permissions_of
from girih.services.identity.schemas import ApiKeyOut, NewApiKey
from girih.services.identity.service import IdentityService
from girih.services.identity.service_account_repository import Account, Grant
from girih.services.identity.service_account_schemas import ServiceAccountOut
from girih.services.identity.tables import ServiceAccount


class ServiceAccountService:
    """Knows the service accounts of organizations."""

    def __init__(self, uow: UnitOfWork, identity: IdentityService, callers: Callers) -> None:
        self._uow = uow
        self._identity = identity
        self._callers = callers

    async def accounts(self, scope: OrgScope) -> list[ServiceAccountOut]:
        """Every service account of the organization with its roles, by name."""
        async with self._uow(scope) as work:
            found, grants = await repository.accounts(work), await repository.grants(work)
        return [_shown(one, grants) for one in found]

    async def create(
        self, scope: OrgScope, name: str, roles: Sequence[Wanted], project: str | None = None
    ) -> ServiceAccountOut:
        """Make a service account with these roles, of the organization or for one `project` only.

        Raises `Forbidden` for a role that may do what the caller may not, `Conflict` for a name that is taken.
        """
        name, made = name_of("service account", name), new_id()
        async with self._uow(scope) as work:
            await members.hold_organization(work)
            placed = await allowed(work, scope, _fitting(roles, project))
            if any(one.name == name for one in await repository.accounts(work)):
                raise Conflict(f"there is a service account `{name}` already", help="take another name")
            row = ServiceAccount(
                id=made,
                org_id=scope.org_id,
                project_id=await _project(work, project),
                name=name,
                created_by=scope.actor,
            )
            await repository.add(work, row)
            await repository.set_grants(work, made, placed)
            details = {"name": name, "project": project, "roles": told(roles)}
            await record(work, "service_account.created", f"service:{made}", org_wide=True, **details)
        return await self._one(scope, made)

    async def set_roles(self, scope: OrgScope, id: UUID, roles: Sequence[Wanted]) -> ServiceAccountOut:
        """Give it these roles in place of all that it has; its keys may do more or less within five seconds."""
        async with self._uow(scope) as work:
            found = await _within(work, scope, id)
            placed = await allowed(work, scope, _fitting(roles, found.project))
            await repository.set_grants(work, id, placed)
            await record(work, "service_account.roles_set", f"service:{id}", org_wide=True, roles=told(roles))
        self._callers.forget(scope.org_id)
        return await self._one(scope, id)

    async def suspend(self, scope: OrgScope, id: UUID, *, suspended: bool) -> None:
        """Let its keys do nothing until it is resumed; holds everywhere within five seconds."""
        async with self._uow(scope) as work:
            await _within(work, scope, id)
            await repository.suspend(work, id, suspended=suspended)
            done = "service_account.suspended" if suspended else "service_account.resumed"
            await record(work, done, f"service:{id}", org_wide=True)
        self._callers.forget(scope.org_id)

    async def remove(self, scope: OrgScope, id: UUID) -> None:
        """Delete it with all its keys, which hold nowhere within five seconds."""
        async with self._uow(scope) as work:
            found = await _within(work, scope, id)
            await repository.remove(work, id)
            await record(work, "service_account.deleted", f"service:{id}", org_wide=True, name=found.name)
        self._callers.forget(scope.org_id)

    async def keys(self, scope: OrgScope, id: UUID) -> list[ApiKeyOut]:
        """Its keys to the project, the newest first, revoked ones too."""
        async with self._uow(scope) as work:
            await _within(work, scope, id)
            mine = {row.id for row in await repository.keys(work, id)}
        return [key for key in await self._identity.keys(scope) if key.id in mine]

    async def create_key(
        self, scope: OrgScope, id: UUID, name: str, permissions: Iterable[str], expires_in: timedelta | None = None
    ) -> NewApiKey:
        """Make a key of the account to the project. It may do what stands in it and the account may then do.

        Raises `Forbidden` for permissions that the caller has not.
        """
        async with self._uow(scope) as work:
            found = await _within(work, scope, id)
        if found.project_id not in (None, scope.project_id):
            raise Conflict(f"this account is for the project `{found.project}` only", help="make the key there")
        return await self._identity.create_key(scope, name, permissions, expires_in=expires_in, service_account=id)

    async def _one(self, scope: OrgScope, id: UUID) -> ServiceAccountOut:
        return next(one for one in await self.accounts(scope) if one.id == id)


async def _within(work: Work, scope: OrgScope, id: UUID) -> Account:
    """The account, with one change of it at a time. Raises `Forbidden` for one that may do more than the caller."""
    await members.hold_organization(work)
    found = next((one for one in await repository.accounts(work) if one.id == id), None)
    if found is None:
        raise NotFound(f"no service account `{id}`", help="list the service accounts to find its id")
    held = [grant.role for grant in await repository.grants(work) if grant.id == id]
    require_held(scope, permissions_of(held, await members.custom_roles(work)), "this account")
    return found


async def _project(work: Work, name: str | None) -> UUID | None:
    if name is None:
        return None
    known = await members.projects(work)
    if name not in known:
        raise NotFound(f"no project `{name}`", help=hint(name, known))
    return known[name]


def _fitting(roles: Sequence[Wanted], project: str | None) -> Sequence[Wanted]:
    """The roles, if such an account can have them: nobody else's owner, and of one project only in that one."""
    if any(one.role == OWNER for one in roles):
        raise InvalidInput("owners are people", help="give the role `admin`")
    if project is not None and any((one.project, one.unit) != (project, None) for one in roles):
        raise InvalidInput(f"this account is for the project `{project}` only", help="give it roles in that project")
    return roles


def _shown(one: Account, grants: Sequence[Grant]) -> ServiceAccountOut:
    return ServiceAccountOut(
        id=one.id,
        name=one.name,
        project=one.project,
        created_at=one.created_at,
        suspended_at=one.suspended_at,
        roles=[GrantOut(role=g.role, project=g.project, unit=g.unit_id) for g in grants if g.id == one.id],
    )
