"""Service accounts: programs with roles, and their keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.members import RolesIn
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS, ApiKeyOut, NewApiKey, Permission
from girih.services.identity.service_account_schemas import ServiceAccountOut

router = Router(prefix="/service-accounts", tags=["organization"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("members:read")]
Manager = Annotated[OrgScope, requires("members:manage")]
Keeper = Annotated[OrgScope, requires("keys:manage")]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class ServiceAccountIn(RolesIn):
    """A service account with its roles; with a `project` it is for that one only."""

    name: Name
    project: Name | None = None


class ServiceKeyIn(Body):
    """A key of a service account. Without permissions it may do whatever the account may do."""

    name: Name
    permissions: Annotated[list[Permission], Field(min_length=1)] | None = None
    expires_in_days: Annotated[float, Field(gt=0, le=36_500)] | None = None

    def lifetime(self) -> timedelta | None:
        """How long it shall hold."""
        return timedelta(days=self.expires_in_days) if self.expires_in_days is not None else None


@router.get("", operation_id="list_service_accounts")
async def list_service_accounts(girih: Wired, scope: Reader) -> Page[ServiceAccountOut]:
    """Every service account of the organization with its roles, by name."""
    return Page(items=await girih.organizations.service_accounts.accounts(scope))


@router.post("", operation_id="create_service_account", status_code=201)
async def create_service_account(girih: Wired, scope: Manager, body: ServiceAccountIn) -> ServiceAccountOut:
    """Make a service account. Nobody gives it a role that may do what he may not do himself."""
    return await girih.organizations.service_accounts.create(scope, body.name, body.wanted(), body.project)


@router.put("/{service_account_id}/roles", operation_id="set_service_account_roles")
async def set_roles(girih: Wired, scope: Manager, service_account_id: UUID, body: RolesIn) -> ServiceAccountOut:
    """Give it these roles in place of all others; its keys may do more or less within five seconds."""
    return await girih.organizations.service_accounts.set_roles(scope, service_account_id, body.wanted())


@router.post("/{service_account_id}/suspend", operation_id="suspend_service_account", status_code=204)
async def suspend(girih: Wired, scope: Manager, service_account_id: UUID) -> None:
    """Let its keys do nothing until it is resumed; holds everywhere within five seconds."""
    await girih.organizations.service_accounts.suspend(scope, service_account_id, suspended=True)


@router.post("/{service_account_id}/resume", operation_id="resume_service_account", status_code=204)
async def resume(girih: Wired, scope: Manager, service_account_id: UUID) -> None:
    """Let the keys of a suspended one hold again."""
    await girih.organizations.service_accounts.suspend(scope, service_account_id, suspended=False)


@router.delete("/{service_account_id}", operation_id="delete_service_account", status_code=204)
async def delete(girih: Wired, scope: Manager, service_account_id: UUID) -> None:
    """Delete it with its roles and all its keys."""
    await girih.organizations.service_accounts.remove(scope, service_account_id)


@router.get("/{service_account_id}/keys", operation_id="list_service_account_keys")
async def list_keys(girih: Wired, scope: Keeper, service_account_id: UUID) -> Page[ApiKeyOut]:
    """Its keys to the project, the newest first. `/v1/keys` lists, rotates and revokes them as well."""
    return Page(items=await girih.organizations.service_accounts.keys(scope, service_account_id))


@router.post("/{service_account_id}/keys", operation_id="create_service_account_key", status_code=201)
async def create_key(girih: Wired, scope: Keeper, service_account_id: UUID, body: ServiceKeyIn) -> NewApiKey:
    """Make a key of it to the project. The answer is the only place where the key is shown."""
    wanted = body.permissions or PERMISSIONS
    made = girih.organizations.service_accounts.create_key(
        scope, service_account_id, body.name, wanted, body.lifetime()
    )
    return await made
