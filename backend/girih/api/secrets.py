"""Secrets: set, listed by name, deleted. No route shows a value."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field, SecretStr

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.routers import Router
from girih.api.shapes import Body, Page
from girih.db.tenancy import OrgScope
from girih.services.secrets.schemas import SecretOut

router = Router(prefix="/secrets", tags=["secrets"], route_class=GuardedRoute)

Reader = Annotated[OrgScope, requires("secrets:read")]
Writer = Annotated[OrgScope, requires("secrets:write")]
Name = Annotated[str, Path(min_length=1, max_length=100, description="As specs name it behind `secret://`.")]


class SecretIn(Body):
    """A value to be kept."""

    value: Annotated[SecretStr, Field(max_length=65_536)]
    hosts: Annotated[list[Annotated[str, Field(max_length=255)]] | None, Field(max_length=20)] = Field(
        default=None,
        description="What it may be sent to, such as `api.example.com` or `*.example.com`; none: the operator's "
        "endpoints. Left out: as before.",
    )


@router.get("", operation_id="list_secrets")
async def list_secrets(girih: Wired, scope: Reader) -> Page[SecretOut]:
    """The project's secrets by name: versions, dates, who set them, and what names them."""
    return Page(items=await girih.secrets.secrets(scope))


@router.put("/{secret}", operation_id="set_secret")
async def set_secret(girih: Wired, scope: Writer, secret: Name, body: SecretIn) -> SecretOut:
    """Store a value under a name, in place of the one before. It is used within five seconds, and shown nowhere."""
    return await girih.secrets.put(scope, secret, body.value.get_secret_value(), body.hosts)


@router.delete("/{secret}", operation_id="delete_secret", status_code=204)
async def delete_secret(
    girih: Wired,
    scope: Writer,
    secret: Name,
    force: Annotated[bool, Query(description="Also where something published names it.")] = False,
) -> None:
    """Delete a secret; within five seconds nothing uses it any more."""
    await girih.secrets.delete(scope, secret, force=force)
