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
from girih.services.identity.members import MemberService
from girih.services.identity.passwords import Passwords
from girih.services.identity.projects import ProjectService
from girih.services.identity.tokens import AccessTokens, token_key
from girih.settings import Settings


class People(NamedTuple):
    """Who signs in, what they may do where, and what was done."""

    accounts: AccountService
    members: MemberService
    audit: AuditService
    projects: ProjectService


def make_people(stack: AsyncExitStack, settings: Settings, uow: UnitOfWork) -> People:
    """Accounts and members. Without a key for tokens there are members, and nobody can sign in.

    Raises `InvalidInput` for keys that cannot be read or are none.
    """
    keys = [_key(text) for text in (settings.token_key, *settings.former_token_keys) if text.get_secret_value()]
    passwords = Passwords()
    stack.callback(passwords.close)
    tokens = AccessTokens(keys, settings.public_url or "girih") if settings.token_key.get_secret_value() else None
    accounts = AccountService(uow, passwords, tokens)
    return People(accounts, MemberService(uow, accounts), AuditService(uow), ProjectService(uow))


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
