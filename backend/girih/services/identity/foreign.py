"""Tokens of other issuers: whom one speaks for, in the project that trusts its issuer, for as long as it does."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

import structlog

from girih.db.tenancy import EndUser, OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, NotFound, Unavailable
from girih.providers.oidc.issuers import Issuer, Issuers
from girih.providers.oidc.tokens import Expected, TokenFault, check_claims, claimed_issuer, claims_of, name_in
from girih.services.identity import issuer_repository as repository
from girih.services.identity import member_repository
from girih.services.identity.roles import ORGANIZATION_WIDE, permissions_of
from girih.services.identity.sign_ins import SECONDS
from girih.services.identity.tables import TrustedIssuer
from girih.services.identity.tokens import refused

log = structlog.get_logger("girih.identity")

OUTLIVING: Final = 3600
"""Seconds that what was opened with a token goes on after the token has run out."""

LONGEST: Final = 24 * 3600
"""Seconds that a token may hold, at most."""

_MOST_GROUPS: Final = 200
_NAMED_BY: Final = 20
"""Projects whose names are looked up to find the one that is meant."""


class _Asked(NamedTuple):
    """One question: the token's hash, the place that was named, and whether it opened what is asked about."""

    hash: bytes
    organization: str | None
    project: str | None
    opened: bool


@dataclass(frozen=True)
class _Known:
    scope: OrgScope
    issuer_id: UUID
    until: float


class ForeignTokens:
    """Verifies tokens of trusted issuers. `own` issues girih's own; the latest `size` answers are kept for seconds."""

    def __init__(self, uow: UnitOfWork, issuers: Issuers, own: str, size: int = 4096) -> None:
        self._uow = uow
        self._issuers = issuers
        self._own = own
        self._size = size
        self._known: OrderedDict[_Asked, _Known] = OrderedDict()

    def takes(self, token: str) -> bool:
        """Whether the token says that it is another issuer's."""
        return claimed_issuer(token) not in (None, self._own)

    async def authenticate(
        self, token: str, organization: str | None, project: str | None, *, opened: bool = False
    ) -> OrgScope:
        """Whom the token speaks for, in the project that is named, by names or ids, or that alone trusts its issuer.

        What was `opened` with it goes on for an hour after the token has run out. Raises `Unauthorized`, with the same
        words whatever is wrong with it, `NotFound` for a place that does not take it, `InvalidInput` where it has to
        be said.
        """
        asked = _Asked(hashlib.sha256(token.encode()).digest(), organization, project, opened)
        known = self._known.get(asked)
        if known is not None and time.monotonic() < known.until:
            return known.scope
        since = time.monotonic()
        try:
            trusted, claims = await self._verified(token, opened=opened)
        except (TokenFault, Unavailable) as fault:
            log.info("token of another issuer refused", reason=fault.message)
            raise refused() from None
        meant = await self._meant(trusted, organization, project)
        scope = await self._scope(meant, claims)
        self._known[asked] = _Known(scope, meant.id, since + SECONDS)
        self._known.move_to_end(asked)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return scope

    def forget(self, issuer_id: UUID) -> None:
        """Drop what is known by an issuer that was removed here; other processes see it within five seconds."""
        for gone in [asked for asked, known in self._known.items() if known.issuer_id == issuer_id]:
            del self._known[gone]

    async def _verified(self, token: str, *, opened: bool) -> tuple[list[TrustedIssuer], dict[str, Any]]:
        """Who takes the token, and what it says. Raises `TokenFault` and `Unavailable`."""
        issuer = claimed_issuer(token)
        if issuer is None:
            raise TokenFault("it names no issuer")
        async with self._uow.reading_for(f"issuer:{issuer}") as work:
            rows = await repository.trusting(work, issuer)
        if not rows:
            raise TokenFault("nobody here trusts its issuer")
        claims = claims_of(token, await self._issuers.key(Issuer(issuer), token))
        return _fitting(rows, claims, OUTLIVING if opened else 0), claims

    async def _meant(
        self, trusted: Sequence[TrustedIssuer], organization: str | None, project: str | None
    ) -> TrustedIssuer:
        if organization is not None:
            trusted = await self._named(trusted, organization, of_project=False)
            if not trusted:
                raise NotFound(f"no organization `{organization}` takes this token", help="give its name or id")
        if project is not None:
            trusted = await self._named(trusted, project, of_project=True)
            if not trusted:
                raise NotFound(f"no project `{project}` takes this token", help="give its name or id")
        if len({one.project_id for one in trusted}) > 1:
            raise InvalidInput(
                "several projects take this token",
                help="say which in the headers `Girih-Organization` and `Girih-Project`",
            )
        return trusted[0]

    async def _named(self, trusted: Iterable[TrustedIssuer], asked: str, *, of_project: bool) -> list[TrustedIssuer]:
        """Those that are meant by an id, else by a name."""
        rows = list(trusted)
        by_id = [one for one in rows if asked == str(one.project_id if of_project else one.org_id)]
        if by_id or len(rows) > _NAMED_BY:
            return by_id
        found = []
        for one in rows:
            async with self._uow(OrgScope(one.org_id, one.project_id)) as work:
                names = await repository.names(work, one.project_id)
            if names is not None and names[of_project] == asked:
                found.append(one)
        return found

    async def _scope(self, trusted: TrustedIssuer, claims: Mapping[str, Any]) -> OrgScope:
        user = name_in(claims, trusted.user_claim)
        if user is None:
            log.info("token of another issuer refused", reason=f"it names no user in `{trusted.user_claim}`")
            raise refused()
        async with self._uow(OrgScope(trusted.org_id, trusted.project_id)) as work:
            custom = await member_repository.custom_roles(work)
        return OrgScope(
            trusted.org_id,
            trusted.project_id,
            actor=f"user:{issuer_mark(trusted.issuer)}:{user}",
            permissions=permissions_of([trusted.role], custom) - ORGANIZATION_WIDE,
            end_user=EndUser(user, groups_in(claims, trusted.groups_claim)),
        )


def issuer_mark(issuer: str) -> str:
    """Sixteen hexadecimal digits that stand for an issuer in the names of its users."""
    return hashlib.sha256(issuer.encode()).hexdigest()[:16]


def groups_in(claims: Mapping[str, Any], claim: str | None) -> tuple[str, ...]:
    """The names in a claim, or at the end of a path of claims (`realm_access.roles`); what is none is left out."""
    if claim is None:
        return ()
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for step in claim.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    names = found if isinstance(found, list) else [found]
    usable = (name for name in names if isinstance(name, str) and 0 < len(name) <= _MOST_GROUPS and name.isprintable())
    return tuple(dict.fromkeys(usable))[:_MOST_GROUPS]


def _fitting(rows: Iterable[TrustedIssuer], claims: Mapping[str, Any], since_ended: int) -> list[TrustedIssuer]:
    """Those whose audience the token is for. Raises `TokenFault` where there is none."""
    fitting: list[TrustedIssuer] = []
    fault = TokenFault("it is for another audience")
    for row in rows:
        expected = Expected(row.issuer, row.audience, row.audience_claim, LONGEST)
        try:
            check_claims(claims, expected, since_ended=since_ended)
        except TokenFault as found:
            fault = found
        else:
            fitting.append(row)
    if not fitting:
        raise fault
    return fitting
