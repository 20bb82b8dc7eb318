"""Bundles: a version with all it is locked to, out of one server and into another; and the keys that signed it."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from girih.api.deps import GuardedRoute, Wired, requires
from girih.api.downloads import disposition
from girih.api.shapes import Body
from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput
from girih.language.bundles.archive import MAX_BYTES
from girih.providers.signing.keys import KeyRing
from girih.services.agents.gate_schemas import ImportOut, SigningKeysOut
from girih.services.agents.importing import Trust

_ENCODED = MAX_BYTES * 4 // 3 + 2**20


class BundleRoute(GuardedRoute):
    """A route whose body holds a bundle."""

    def limit(self, request: Request) -> int:  # noqa: ARG002 - the same for every request
        """The largest bundle, in base64."""
        return _ENCODED


router = APIRouter(tags=["agents"], route_class=BundleRoute)

Reader = Annotated[OrgScope, requires("agents:read")]


class ImportIn(Body):
    """A bundle to take in."""

    bundle: Annotated[str, Field(min_length=1, max_length=_ENCODED, description="The file's bytes in base64.")]
    trust: dict[str, Any] | None = Field(
        default=None, description="A key set (JWKS) that is trusted for this import, beside the server's own."
    )
    allow_unsigned: bool = Field(
        default=False, description="Take it though nobody who is trusted has signed it. What was forged is never taken."
    )
    dry_run: bool = Field(default=False, description="Only say what would be made.")

    def data(self) -> bytes:
        """The bundle. Raises `InvalidInput`."""
        try:
            return base64.b64decode(self.bundle, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidInput("'bundle' is not base64", help="send the file's bytes in base64") from None

    def trusts(self) -> Trust:
        """Whom to believe. Raises `InvalidInput` for what is no key set."""
        return Trust(KeyRing.from_jwks(self.trust) if self.trust is not None else KeyRing(), self.allow_unsigned)


@router.get("/signing-keys", operation_id="list_signing_keys")
async def list_signing_keys(girih: Wired, scope: Reader) -> SigningKeysOut:
    """The public keys (JWKS) that versions are signed with: the present one, former ones, and those of imports."""
    return await girih.agents.signing.keys(scope)


@router.get("/agents/{name}/versions/{version}/bundle", operation_id="export_version", response_class=Response)
async def export_version(girih: Wired, scope: Reader, name: str, version: str) -> Response:
    """One file with a version and all that it is locked to; the same version gives the same bytes."""
    root, data = await girih.agents.exporting.export(scope, f"{name}@{version}")
    headers = {"content-disposition": disposition(f"{root.replace('@', '-')}.girih"), "cache-control": "private"}
    return Response(data, headers=headers, media_type="application/vnd.girih.bundle+zip")


@router.post("/bundles", operation_id="import_bundle")
async def import_bundle(
    girih: Wired, scope: Annotated[OrgScope, requires("agents:publish")], body: ImportIn
) -> ImportOut:
    """Take in a bundle, all of it or nothing: versions under their own numbers. No alias moves but `latest`."""
    return await girih.agents.take(scope, body.data(), body.trusts(), dry_run=body.dry_run)
