"""The organization as a whole: its name, its owner, an export of everything, and its end."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import Field

from girih.api.deps import GuardedRoute, Person, Wired, requires
from girih.api.downloads import download
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.organizations.schemas import ExportOut, OrganizationOut, TransferOut

router = Router(tags=["organization"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("members:read")]
Owner = Annotated[OrgScope, requires("organization:manage")]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class OrganizationIn(Body):
    """What the organization shall be called."""

    name: Name


class TransferIn(Body):
    """The member who shall be the owner."""

    member: UUID


class Meant(Body):
    """An organization by its name or id; it can be left out by whoever belongs to one only."""

    organization: Name | None = None


@router.get("/organization", operation_id="get_organization")
async def get_organization(girih: Wired, scope: Reader) -> OrganizationOut:
    """The organization."""
    return await girih.organizations.organizations.organization(scope)


@router.patch("/organization", operation_id="change_organization")
async def change_organization(girih: Wired, scope: Owner, body: OrganizationIn) -> OrganizationOut:
    """Call the organization otherwise."""
    return await girih.organizations.organizations.rename(scope, body.name)


@router.delete("/organization", operation_id="delete_organization", status_code=202)
async def delete_organization(
    girih: Wired, scope: Owner, name: Annotated[str, Query(min_length=1, max_length=100)]
) -> OrganizationOut:
    """Delete the organization with everything in it; `name` is its name, as confirmation.

    Nothing happens in it from now on. Until `deletes_at` an owner can take that back; then every row and file goes.
    """
    return await girih.organizations.organizations.delete(scope, name)


@router.post("/organization/transfer", operation_id="offer_organization", status_code=201)
async def offer_organization(girih: Wired, scope: Owner, body: TransferIn) -> TransferOut:
    """Offer one's own ownership to another member, who has seven days to accept it."""
    return await girih.organizations.transfers.offer(scope, body.member)


@router.delete("/organization/transfer", operation_id="withdraw_organization", status_code=204)
async def withdraw_organization(girih: Wired, scope: Owner) -> None:
    """Take the offer back."""
    await girih.organizations.transfers.withdraw(scope)


@router.post("/organization/export", operation_id="export_organization", status_code=202)
async def export_organization(girih: Wired, scope: Owner) -> ExportOut:
    """Have an archive made of everything that the organization has, without its secrets."""
    return await girih.organizations.exports.ask(scope)


@router.get("/organization/exports", operation_id="list_organization_exports")
async def list_exports(girih: Wired, scope: Owner) -> Page[ExportOut]:
    """Every export, the newest first."""
    return Page(items=await girih.organizations.exports.exports(scope))


@router.get("/organization/exports/{export_id}", operation_id="get_organization_export")
async def get_export(girih: Wired, scope: Owner, export_id: UUID) -> ExportOut:
    """How an export stands."""
    return await girih.organizations.exports.export(scope, export_id)


@router.get(
    "/organization/exports/{export_id}/content",
    operation_id="download_organization_export",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}, 206: {"description": "The part asked for."}},
)
async def download_export(girih: Wired, scope: Owner, request: Request, export_id: UUID) -> Response:
    """The archive of an export that is ready; whole, or the part that `Range` names."""
    return download(request, await girih.organizations.exports.fetch(scope, export_id))


@router.post("/account/organizations/restore", operation_id="restore_organization")
async def restore_organization(girih: Wired, person: Person, body: Meant) -> OrganizationOut:
    """Take the deletion of an organization back, as one of its owners."""
    return await girih.organizations.organizations.take_back(person, body.organization)


@router.get("/account/transfers", operation_id="list_own_transfers")
async def list_own_transfers(girih: Wired, person: Person) -> Page[TransferOut]:
    """The organizations that one is offered."""
    return Page(items=await girih.organizations.transfers.offers(person))


@router.post("/account/transfers/{transfer_id}/accept", operation_id="accept_transfer", status_code=204)
async def accept_transfer(girih: Wired, person: Person, transfer_id: UUID) -> None:
    """Become the owner of an organization that one is offered, in place of whoever offers it."""
    await girih.organizations.transfers.accept(person, transfer_id)


@router.delete("/account/transfers/{transfer_id}", operation_id="decline_transfer", status_code=204)
async def decline_transfer(girih: Wired, person: Person, transfer_id: UUID) -> None:
    """Say no to an offer."""
    await girih.organizations.transfers.decline(person, transfer_id)
