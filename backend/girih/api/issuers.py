"""Issuers whose tokens a project takes: trusted, listed, removed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Page
from girih.db.tenancy import OrgScope
from girih.services.identity.issuer_schemas import TrustedIssuerOut, TrustIn

router = Router(tags=["keys"], route_class=GuardedRoute)

Manager = Annotated[OrgScope, requires("keys:manage")]


@router.get("/trusted-issuers", operation_id="list_trusted_issuers")
async def list_trusted_issuers(girih: Wired, scope: Manager) -> Page[TrustedIssuerOut]:
    """The issuers whose tokens the project takes, the newest first."""
    return Page(items=await girih.people.issuers.trusted(scope))


@router.post("/trusted-issuers", operation_id="trust_issuer", status_code=201)
async def trust_issuer(girih: Wired, scope: Manager, body: TrustIn) -> TrustedIssuerOut:
    """Take the tokens of an OpenID Connect issuer: their users have a role in this project, and no more than you."""
    return await girih.people.issuers.trust(scope, body)


@router.delete("/trusted-issuers/{issuer_id}", operation_id="remove_trusted_issuer", status_code=204)
async def remove_trusted_issuer(girih: Wired, scope: Manager, issuer_id: UUID) -> None:
    """Take an issuer's tokens no longer; within five seconds they open nothing any more, streams included."""
    await girih.people.issuers.remove(scope, issuer_id)
