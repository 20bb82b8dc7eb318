"""People for tests: quick passwords, keys of their own, and a first owner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.accounts import AccountService
from girih.services.identity.members import MemberService
from girih.services.identity.passwords import Passwords
from girih.services.identity.people_schemas import SignedIn
from girih.services.identity.tokens import AccessTokens, Holder, new_key_pem, token_key

PASSWORD = "seven green umbrellas"


@cache
def token_pem() -> str:
    """A key for access tokens, the same all through."""
    return new_key_pem()


@dataclass
class Town:
    """The services of people over one database."""

    accounts: AccountService
    members: MemberService
    tokens: AccessTokens

    @classmethod
    def of(cls, uow: UnitOfWork) -> Town:
        """With hashes that cost next to nothing."""
        tokens = AccessTokens([token_key(token_pem())], "test")
        accounts = AccountService(uow, Passwords(memory=64, rounds=1), tokens)
        return cls(accounts, MemberService(uow, accounts), tokens)

    async def join(self, scope: OrgScope, role: str = "owner", project: str | None = None, email: str = "") -> SignedIn:
        """Somebody new in the organization, signed in."""
        invited = await self.members.invite(scope, email or f"{new_id()}@example.com", role, project)
        return await self.members.accept(invited.token, "Somebody", PASSWORD, "test")

    async def scope_of(self, person: SignedIn, organization: str | None = None, project: str | None = None) -> OrgScope:
        """Whom the person speaks for."""
        return await self.accounts.authenticate(person.access_token, organization, project)

    def holder(self, person: SignedIn) -> Holder:
        """The person."""
        return self.tokens.read(person.access_token)
