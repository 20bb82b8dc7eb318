"""Sign-ins at identity providers: a browser is sent there and taken back once, and its app gets a code for the rest."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, NotFound, Unauthorized, Unavailable
from girih.language.spec.suggest import hint
from girih.providers.oidc.provider import TENANT, Identity, Provider, Request, challenge_of
from girih.providers.oidc.tokens import TokenFault
from girih.services.identity import outside_repository as repository
from girih.services.identity.keys import Key, make_key, read_key
from girih.services.identity.people_schemas import IdentityProviderOut
from girih.services.identity.tables import OutsideSignIn

OPEN: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""

FINISH: Final = timedelta(minutes=1)
"""How long the app may take to exchange its code."""

_BROWSER: Final = "outside"
_CODE: Final = "code"
_DENIED: Final = "access_denied"


class Begun(NamedTuple):
    """Where the browser goes, and what it keeps until it comes back: a secret."""

    address: str
    cookie: str


class Returned(NamedTuple):
    """What a provider has sent a browser back with."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None
    """Who says so (RFC 9207), where the provider tells."""


class Shown(NamedTuple):
    """Whom a provider has shown somebody to be, and what the provider is called here."""

    provider: str
    identity: Identity


class OutsideSignIns:
    """Sends people to `providers` and back to apps of the listed `origins`. Any process may take them back."""

    def __init__(self, uow: UnitOfWork, providers: Mapping[str, Provider], origins: Collection[str]) -> None:
        self._uow = uow
        self._providers = providers
        self._origins = frozenset(origins)

    def providers(self) -> list[IdentityProviderOut]:
        """The providers that people may sign in at."""
        return [IdentityProviderOut(name=one, title=it.registration.title) for one, it in self._providers.items()]

    async def begin(self, name: str, return_to: str, challenge: str | None) -> Begun:
        """Begin a sign-in. Raises `NotFound` for the provider, `InvalidInput` for where to return to, `Unavailable`."""
        provider = self._provider(name)
        self._check(return_to)
        secret = make_key(_BROWSER)
        address = await provider.address(_request(secret))
        async with self._uow.reading_for("outside") as work:
            await repository.sweep(work)
        row = OutsideSignIn(
            id=secret.id,
            provider=name,
            hash=secret.hash,
            return_to=return_to,
            challenge=challenge,
            expires_at=datetime.now(UTC) + OPEN,
        )
        async with self._uow.reading_for("outside", row=secret.id) as work:
            await repository.add_sign_in(work, row)
        return Begun(address, secret.text)

    async def come_back(self, name: str, cookie: str, returned: Returned) -> str:
        """Where a browser goes on to that comes back: with a code for the app, or with what went wrong.

        Raises `Unauthorized` where nothing is known of a sign-in that this browser has begun, or it came back before.
        """
        provider, shown = self._provider(name), read_key(cookie)
        if shown is None or not _same(_request(shown).state, returned.state):
            raise _unknown()
        async with self._uow.reading_for("outside", row=shown.id) as work:
            row = await repository.sign_in(work, shown.id)
            is_open = row is not None and row.returned_at is None and row.provider == name
            if row is None or not is_open or not hmac.compare_digest(row.hash, shown.hash):
                raise _unknown()
            row.returned_at, return_to = datetime.now(UTC), row.return_to
        try:
            identity = await _identity(provider, returned, _request(shown))
        except (TokenFault, Unavailable) as fault:
            async with self._uow.reading_for("outside", row=shown.id) as work:
                await repository.remove_sign_in(work, shown.id)
            told = f"{provider.registration.title}'s answer is not taken: {fault.message}"
            denied = returned.error == _DENIED
            return _with(return_to, error=_DENIED if denied else "sign_in_failed", error_description=told)
        return _with(return_to, code=(await self._note(shown, identity)).text)

    async def shown(self, code: str, verifier: str | None) -> Shown:
        """Whom the sign-in that gave this code has shown somebody to be; it is good once. Raises `Unauthorized`."""
        given = read_key(code)
        if given is None:
            raise _refused()
        async with self._uow.reading_for("outside", row=given.id) as work:
            row = await repository.sign_in(work, given.id)
            if row is None or row.code_hash is None or not hmac.compare_digest(row.code_hash, given.hash):
                raise _refused()
            await repository.remove_sign_in(work, given.id)
        fits = row.challenge is None or (verifier is not None and _same(challenge_of(verifier), row.challenge))
        if not fits or row.issuer is None or row.subject is None:
            raise _refused()
        return Shown(row.provider, Identity(row.issuer, row.subject, row.email, row.name or ""))

    async def _note(self, browser: Key, identity: Identity) -> Key:
        code = make_key(_CODE, browser.id)
        async with self._uow.reading_for("outside", row=browser.id) as work:
            row = await repository.sign_in(work, browser.id)
            if row is None:
                raise _unknown()
            row.code_hash, row.expires_at = code.hash, datetime.now(UTC) + FINISH
            row.issuer, row.subject = identity.issuer, identity.subject
            row.email, row.name = identity.email, identity.name
        return code

    def _provider(self, name: str) -> Provider:
        if name not in self._providers:
            raise NotFound(f"nobody signs in at `{name}` here", help=hint(name, self._providers))
        return self._providers[name]

    def _check(self, return_to: str) -> None:
        parts = urlsplit(return_to)
        is_plain = return_to.isascii() and return_to.isprintable() and "\\" not in return_to and not parts.fragment
        if not is_plain or f"{parts.scheme}://{parts.netloc}" not in self._origins:
            raise InvalidInput(
                "nobody is sent back to there", help="the operator lists the origins: GIRIH_SIGN_IN_ORIGINS"
            )


async def _identity(provider: Provider, returned: Returned, request: Request) -> Identity:
    expected = provider.registration.issuer.name
    if returned.issuer is not None and TENANT not in expected and returned.issuer != expected:
        raise TokenFault("it comes from another issuer")
    if returned.error is not None or returned.code is None:
        denied = returned.error == _DENIED
        raise TokenFault("the sign-in was given up there" if denied else "the sign-in did not succeed there")
    return await provider.identity(returned.code, request)


def _request(secret: Key) -> Request:
    """What the provider is told: worked out of what the browser holds, so that nobody else can."""
    state, nonce, verifier = (_derived(secret, use) for use in ("state", "nonce", "verifier"))
    return Request(state, nonce, verifier)


def _derived(secret: Key, use: str) -> str:
    found = hmac.new(secret.text.encode(), use.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _with(address: str, **more: str) -> str:
    """The address with these in its query, in place of what it says of them itself."""
    parts = urlsplit(address)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in more]
    return urlunsplit(parts._replace(query=urlencode([*kept, *more.items()])))


def _unknown() -> Unauthorized:
    return Unauthorized(
        "this browser has begun no such sign-in, or it is over", help="begin anew, in the browser that comes back"
    )


def _refused() -> Unauthorized:
    return Unauthorized("the code does not hold, or no longer", help="sign in again")
