"""The members of an organization, their roles, and invitations into it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.identity.granting import Wanted
from girih.services.identity.people_schemas import InvitationOut, MemberOut, NewInvitation, RoleOut
from girih.services.identity.schemas import Permission

router = Router(tags=["people"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("members:read")]
Manager = Annotated[OrgScope, requires("members:manage")]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class GrantIn(Body):
    """A role in a project, or without one in the whole organization."""

    role: Name
    project: Name | None = None


class InvitationIn(GrantIn):
    """Whom to invite, and the role he shall have."""

    email: Annotated[str, Field(min_length=3, max_length=254)]


class PlacedIn(GrantIn):
    """The same, or in all projects of a unit, those of the units below it among them."""

    unit: UUID | None = None


class RolesIn(Body):
    """All the roles that a member shall have."""

    roles: Annotated[list[PlacedIn], Field(max_length=1000)]

    def wanted(self) -> list[Wanted]:
        """As the services take them."""
        return [Wanted(one.role, one.project, one.unit) for one in self.roles]


class RoleIn(Body):
    """What a role may do."""

    permissions: Annotated[list[Permission], Field(min_length=1)]


@router.get("/members", operation_id="list_members")
async def list_members(girih: Wired, scope: Reader) -> Page[MemberOut]:
    """The members of the organization with their roles, by address."""
    return Page(items=await girih.people.members.members(scope))


@router.put("/members/{member_id}/roles", operation_id="set_member_roles")
async def set_member_roles(girih: Wired, scope: Manager, member_id: UUID, body: RolesIn) -> MemberOut:
    """Give a member these roles in place of all others. Nobody gives more than he may do himself."""
    return await girih.people.members.set_roles(scope, member_id, body.wanted())


@router.post("/members/{member_id}/suspend", operation_id="suspend_member", status_code=204)
async def suspend_member(girih: Wired, scope: Manager, member_id: UUID) -> None:
    """Let a member do nothing here until resumed; holds everywhere within five seconds."""
    await girih.people.members.suspend(scope, member_id, suspended=True)


@router.post("/members/{member_id}/resume", operation_id="resume_member", status_code=204)
async def resume_member(girih: Wired, scope: Manager, member_id: UUID) -> None:
    """Let a suspended member go on."""
    await girih.people.members.suspend(scope, member_id, suspended=False)


@router.delete("/members/{member_id}", operation_id="remove_member", status_code=204)
async def remove_member(girih: Wired, scope: Manager, member_id: UUID) -> None:
    """End a membership with all its roles."""
    await girih.people.members.remove(scope, member_id)


@router.get("/invitations", operation_id="list_invitations")
async def list_invitations(girih: Wired, scope: Reader) -> Page[InvitationOut]:
    """Every invitation into the organization, the newest first."""
    return Page(items=await girih.people.members.invitations(scope))


@router.post("/invitations", operation_id="create_invitation", status_code=201)
async def create_invitation(girih: Wired, scope: Manager, body: InvitationIn) -> NewInvitation:
    """Invite somebody. The answer is the only place where the invitation's token is shown."""
    return await girih.people.members.invite(scope, body.email, body.role, body.project)


@router.delete("/invitations/{invitation_id}", operation_id="revoke_invitation", status_code=204)
async def revoke_invitation(girih: Wired, scope: Manager, invitation_id: UUID) -> None:
    """End an invitation that nobody has accepted."""
    await girih.people.members.revoke_invitation(scope, invitation_id)


@router.get("/roles", operation_id="list_roles")
async def list_roles(girih: Wired, scope: Reader) -> Page[RoleOut]:
    """Every role that a member may have, with what it may do."""
    return Page(items=await girih.people.members.roles(scope))


@router.put("/roles/{role}", operation_id="put_role")
async def put_role(girih: Wired, scope: Manager, role: str, body: RoleIn) -> RoleOut:
    """Make a role of the organization's own, or say anew what it may do."""
    return await girih.people.members.put_role(scope, role, body.permissions)


@router.delete("/roles/{role}", operation_id="remove_role", status_code=204)
async def remove_role(girih: Wired, scope: Manager, role: str) -> None:
    """Remove a role of the organization's own that nobody has."""
    await girih.people.members.remove_role(scope, role)
