"""Issuers that a project trusts: whoever brings a token of theirs speaks for one of its users, with a role."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable
from girih.language.spec.suggest import hint
from girih.providers.oidc.issuers import Issuer, Issuers
from girih.services.audit.service import record
from girih.services.identity import issuer_repository as repository
from girih.services.identity import member_repository
from girih.services.identity.foreign import ForeignTokens
from girih.services.identity.issuer_schemas import TrustedIssuerOut, TrustIn
from girih.services.identity.roles import ORGANIZATION_WIDE, OWNER, POLICY, permissions_of

MOST: Final = 20
"""Issuers that a project may trust."""


class TrustedIssuerService:
    """Knows which issuers projects trust. `own` is the issuer of girih's own tokens."""

    def __init__(self, uow: UnitOfWork, issuers: Issuers, foreign: ForeignTokens, own: str) -> None:
        self._uow = uow
        self._issuers = issuers
        self._foreign = foreign
        self._own = own

    async def trusted(self, scope: OrgScope) -> list[TrustedIssuerOut]:
        """The issuers that the project trusts, the newest first."""
        async with self._uow(scope) as work:
            return [TrustedIssuerOut.model_validate(row) for row in await repository.of_project(work)]

    async def trust(self, scope: OrgScope, wanted: TrustIn) -> TrustedIssuerOut:
        """Take the tokens of an issuer. It is asked at once what it says of itself, and for its keys.

        Raises `Forbidden` for a role that may do what the caller may not, `InvalidInput` for an issuer that cannot be
        asked, `Conflict` for one that is trusted for this audience already.
        """
        self._check(wanted.issuer)
        if scope.agents:
            raise Forbidden("this key is for some agents only, and an issuer's users are not", help="use another key")
        async with self._uow(scope) as work:
            await _require_role(work, scope, wanted.role)
        try:
            await self._issuers.description(Issuer(wanted.issuer))
        except Unavailable as fault:
            raise InvalidInput(f"the issuer cannot be trusted: {fault.message}", help=fault.help) from None
        async with self._uow(scope) as work:
            await _require_role(work, scope, wanted.role)
            if await repository.count(work) >= MOST:
                raise Conflict(f"the project trusts {MOST} issuers, and no more are possible", help="remove one first")
            row = await repository.add(work, {"id": new_id(), **wanted.model_dump()})
            if row is None:
                raise Conflict("the project trusts this issuer for this audience already", help="remove it first")
            made = TrustedIssuerOut.model_validate(row)
            what = f"issuer:{made.id}"
            await record(work, "issuer.trusted", what, issuer=made.issuer, audience=made.audience, role=made.role)
        return made

    async def remove(self, scope: OrgScope, id: UUID) -> None:
        """Take the tokens of an issuer no longer; within five seconds they open nothing any more."""
        async with self._uow(scope) as work:
            row = await repository.remove(work, id)
            if row is None:
                raise NotFound(f"no trusted issuer `{id}`", help="list the trusted issuers to find its id")
            await record(work, "issuer.removed", f"issuer:{id}", issuer=row.issuer, audience=row.audience)
        self._foreign.forget(id)

    def _check(self, issuer: str) -> None:
        try:
            parts = urlsplit(issuer)
        except ValueError:
            parts = urlsplit("")
        is_name = issuer.isascii() and issuer.isprintable() and " " not in issuer and "\\" not in issuer
        more = parts.query or parts.fragment or "@" in parts.netloc
        if not is_name or parts.scheme not in ("https", "http") or not parts.hostname or more:
            raise InvalidInput(
                "this is no issuer", help="write its address as its description does, such as https://clerk.example.com"
            )
        if issuer == self._own:
            raise InvalidInput("this is girih itself, whose own tokens are taken anyway", help="name another issuer")


async def _require_role(work: Work, scope: OrgScope, role: str) -> None:
    """Raises for a role that nobody knows, for an owner's, and for one above the giver's own."""
    custom = await member_repository.custom_roles(work)
    if role not in POLICY and role not in custom:
        raise InvalidInput(f"no role `{role}`", help=hint(role, [*POLICY, *custom], "roles"))
    if role == OWNER:
        raise InvalidInput("an owner owns the whole organization", help="give the role `admin`")
    if lacking := permissions_of([role], custom) - ORGANIZATION_WIDE - scope.permissions:
        raise Forbidden(
            f"the role `{role}` may do what you may not: {', '.join(sorted(lacking))}",
            help="ask somebody who may do all of it, such as an owner",
        )
