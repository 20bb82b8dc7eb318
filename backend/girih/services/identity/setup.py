"""The first set-up of an installation: a token for whoever reads its log, and by it an organization and its owner."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput, Unauthorized
from girih.services.audit.service import record
from girih.services.identity import account_repository, member_repository, repository, setup_repository
from girih.services.identity.accounts import AccountService
from girih.services.identity.addresses import email_of
from girih.services.identity.keys import Key, read_key
from girih.services.identity.names import name_of, person_name
from girih.services.identity.one_time import OneTimeTokens
from girih.services.identity.passwords import Passwords, check_password
from girih.services.identity.people_schemas import SignedIn
from girih.services.identity.roles import OWNER

HOLDS: Final = timedelta(hours=24)
"""How long a set-up token holds; the next start makes another one."""

_ENV: Final = "setup"


@dataclass(frozen=True)
class SetupToken:
    """What a fresh installation is set up with. It shows in no `repr`."""

    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Founder:
    """The first owner."""

    email: str
    name: str
    password: str = field(repr=False)


class SetupService:
    """Sets up an installation that holds no organization, once."""

    def __init__(self, uow: UnitOfWork, accounts: AccountService, passwords: Passwords, tokens: OneTimeTokens) -> None:
        self._uow = uow
        self._accounts = accounts
        self._passwords = passwords
        self._tokens = tokens

    async def token(self) -> SetupToken | None:
        """The token, the same from every process that has the same key; `None` where all is set up.

        Raises `Conflict` where no key is set.
        """
        async with self._uow.reading_for("bootstrap") as work:
            if await setup_repository.has_organizations(work):
                return None
        if not self._tokens.can_repeat:
            raise Conflict("nobody can sign in here yet: no key signs tokens", help="set GIRIH_TOKEN_KEY")
        fresh = self._tokens.make(_ENV)
        now = datetime.now(UTC)
        async with self._uow.reading_for("setup") as work:
            row = await setup_repository.made(work, fresh.id, fresh.hash, now + HOLDS)
            if row.used_at is not None:
                return None
            known = self._tokens.again(_ENV, row.id, row.hash)
            if known is None or row.expires_at <= now:
                await setup_repository.replace(work, fresh.id, fresh.hash, now + HOLDS)
                return SetupToken(fresh.text, now + HOLDS)
            return SetupToken(known.text, row.expires_at)

    async def set_up(self, token: str, organization: str, project: str, founder: Founder, client: str) -> SignedIn:
        """Make the first organization, its project and its owner, and sign the owner in.

        Raises `Conflict` for ever after, `Unauthorized` for a token that does not hold, `InvalidInput`.
        """
        self._accounts.tokens  # noqa: B018 - raises where nobody could sign in
        shown = read_key(token)
        await self._require_holding(shown)
        organization, project = name_of("organization", organization), name_of("project", project)
        email, name = email_of(founder.email), person_name(founder.name)
        check_password(founder.password, email, name, organization)
        hashed = await self._passwords.hash(founder.password)
        org = OrgScope(new_id(), new_id())
        account_id = new_id()
        async with self._uow.reading_for("setup") as work:
            await _use_up(work, shown)
            await work.speak(None, f"account:{account_id}")
            if not await account_repository.add_account(work, account_id, email, name, hashed):
                raise InvalidInput("there is an account with this address already", help="give another one")
            await work.speak(OrgScope(org.org_id, org.project_id, actor=f"user:{account_id}"))
            await repository.put_organization(work, org.org_id, organization)
            await repository.put_project(work, org.project_id, org.org_id, project)
            await member_repository.add_member(work, account_id)
            await member_repository.set_grant(work, account_id, OWNER, None)
            told = {"name": organization, "project": project}
            await record(work, "organization.created", f"organization:{org.org_id}", org_wide=True, **told)
        return await self._accounts.begin(account_id, client)

    async def _require_holding(self, shown: Key | None) -> None:
        """Raise as `set_up` does, before anything costs time."""
        async with self._uow.reading_for("setup") as work:
            await _use_up(work, shown)
            work.discard()


async def _use_up(work: Work, shown: Key | None) -> None:
    """Use the token up. Raises `Conflict` where all is set up, whatever was shown, and `Unauthorized`."""
    row = await setup_repository.held(work)
    await work.speak(None, "bootstrap")
    if await setup_repository.has_organizations(work) or (row is not None and row.used_at is not None):
        raise Conflict("this installation is set up", help="sign in, or ask an owner for an invitation")
    fits = row is not None and shown is not None and hmac.compare_digest(row.hash, shown.hash)
    if row is None or not fits or row.expires_at <= datetime.now(UTC):
        raise Unauthorized("this set-up token does not hold, or no longer", help="`girih setup-token` prints one")
    await work.speak(None, "setup")
    await setup_repository.use(work)
