"""Who may sign in, and with whose signature: the services of people from the settings."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

from joserfc.jwk import ECKey
from pydantic import SecretStr

from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput
from girih.services.audit.service import AuditService
from girih.services.identity.accounts import AccountService
from girih.services.identity.foreign import ForeignTokens
from girih.services.identity.issuers import TrustedIssuerService
from girih.services.identity.linking import LinkService
from girih.services.identity.members import MemberService
from girih.services.identity.outside import OutsideSignIns
from girih.services.identity.passwords import Passwords
from girih.services.identity.projects import ProjectService
from girih.services.identity.recovery import RecoveryService
from girih.services.identity.setup import SetupService
from girih.services.identity.tokens import AccessTokens, token_key
from girih.settings import Settings
from girih.wiring.guessing import Guesses, make_guesses
from girih.wiring.mail import one_time_tokens, open_post
from girih.wiring.outside import make_issuers, make_providers, return_origins_of


class People(NamedTuple):
    """Who signs in, what they may do where, and what was done."""

    accounts: AccountService
    members: MemberService
    audit: AuditService
    projects: ProjectService
    outside: OutsideSignIns
    links: LinkService
    recovery: RecoveryService
    setup: SetupService
    guesses: Guesses
    foreign: ForeignTokens
    issuers: TrustedIssuerService


async def make_people(stack: AsyncExitStack, settings: Settings, uow: UnitOfWork) -> People:
    """Accounts and members. Without a key for tokens there are members, and nobody can sign in.

    Raises `InvalidInput` for keys that cannot be read or are none.
    """
    keys = token_keys_of(settings)
    passwords = Passwords()
    stack.callback(passwords.close)
    own = settings.public_url or "girih"
    tokens = AccessTokens(keys, own) if keys else None
    one_time = one_time_tokens(keys)
    post = await open_post(stack, settings, uow, one_time)
    accounts = AccountService(uow, passwords, tokens, post)
    outside = OutsideSignIns(uow, make_providers(stack, settings), return_origins_of(settings))
    nouns = accounts, MemberService(uow, accounts, post), AuditService(uow), ProjectService(uow)
    links, recovery = LinkService(uow, accounts, outside), RecoveryService(uow, accounts, passwords, post)
    setup = SetupService(uow, accounts, passwords, one_time)
    asked = make_issuers(stack, settings)
    foreign = ForeignTokens(uow, asked, own)
    trust = foreign, TrustedIssuerService(uow, asked, foreign, own)
    return People(*nouns, outside, links, recovery, setup, make_guesses(stack, settings), *trust)


def token_keys_of(settings: Settings) -> list[ECKey]:
    """The keys of access tokens, the one that signs first; none where none signs. Raises `InvalidInput`."""
    given = (settings.token_key, *settings.former_token_keys) if settings.token_key.get_secret_value() else ()
    return [_key(text) for text in given if text.get_secret_value()]


def _key(given: SecretStr) -> ECKey:
    """The key in a setting: its PEM text, or the path of the file with it."""
    text = given.get_secret_value()
    if "-----BEGIN" in text:
        return token_key(text)
    try:
        return token_key(Path(text).read_text())
    except (OSError, ValueError):
        raise InvalidInput(
            "GIRIH_TOKEN_KEY is neither a key in PEM nor the path of a file with one",
            help="make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out token.pem",
        ) from None
