"""People who sign in: by password, in sessions whose tokens are refreshed, and whom a token then speaks for."""

from __future__ import annotations

import hmac
import time
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound, Unauthorized
from girih.services.identity import account_repository as repository
from girih.services.identity.account_audit import record_for
from girih.services.identity.addresses import email_of
from girih.services.identity.choosing import chosen, shown_places
from girih.services.identity.keys import Key, make_key, read_key
from girih.services.identity.passwords import Passwords, check_password
from girih.services.identity.people_schemas import AccountOut, SessionOut, SignedIn, Standing
from girih.services.identity.post import Post
from girih.services.identity.standings import Standings
from girih.services.identity.tables import Account, AccountSession
from girih.services.identity.tokens import LIFETIME, AccessTokens, Holder, refused

SESSION: Final = timedelta(days=30)
"""How long a session holds that nobody refreshes."""

GRACE: Final = timedelta(seconds=10)
"""For so long the refresh token before the current one is taken again: its answer may have been lost on the way."""

PATIENCE: Final = 10
"""Wrong passwords in a row that are allowed; after them an address waits, a minute longer each time."""

_ENV: Final = "rt"
_LONGEST_WAIT: Final = timedelta(hours=1)
_KEPT: Final = timedelta(days=30)
"""How long ended sessions are kept, so that a stolen token is known when it comes back."""


class AccountService:
    """Knows people, and whom their tokens speak for. Without `tokens` nobody can sign in."""

    def __init__(
        self, uow: UnitOfWork, passwords: Passwords, tokens: AccessTokens | None, post: Post | None = None
    ) -> None:
        self._uow = uow
        self._post = post or Post()
        self._passwords = passwords
        self._tokens = tokens
        self._standings = Standings()

    @property
    def tokens(self) -> AccessTokens:
        """What gives and reads access tokens. Raises `Conflict` where no key is set."""
        if self._tokens is None:
            raise Conflict("people cannot sign in here: no key signs their tokens", help="set GIRIH_TOKEN_KEY")
        return self._tokens

    async def sign_in(self, email: str, password: str, client: str) -> SignedIn:
        """Begin a session. Raises `Unauthorized`, with the same words whatever is wrong, in about the same time."""
        tokens, email = self.tokens, email_of(email)
        async with self._uow.reading_for(f"address:{email}") as work:
            found = await repository.account_at(work, email)
        is_locked = found is not None and found.locked_until is not None and found.locked_until > datetime.now(UTC)
        fits = await self._passwords.fits(password, found.password if found else None)
        if found is None or is_locked or not fits or found.suspended_at is not None:
            if found is not None and not is_locked and not fits:
                await self._note_failure(found.id)
            raise Unauthorized(
                "this address and password do not go together",
                help=f"check both; after {PATIENCE} wrong passwords an address has to wait, each time longer",
            )
        return await self._begin(tokens, found.id, client)

    async def register(self, email: str, name: str, password: str) -> UUID:
        """The person with that address: a new one, or the one who has this password already.

        For whoever holds an invitation to that address. Raises `Unauthorized` for another password than the known one.
        """
        email = email_of(email)
        async with self._uow.reading_for(f"address:{email}") as work:
            known = await repository.account_at(work, email)
        if known is None:
            check_password(password, email, name)
            account_id, hashed = new_id(), await self._passwords.hash(password)
            async with self._uow.of_account(account_id) as work:
                is_new = await repository.add_account(work, account_id, email, name, hashed)
                if is_new:
                    await self._post.write(work, account_id, "verify", email)
            if is_new:
                self._post.ring()
                return account_id
            async with self._uow.reading_for(f"address:{email}") as work:
                known = await repository.account_at(work, email)
        if known is None or not await self._passwords.fits(password, known.password):
            raise Unauthorized("you have an account already, with another password", help="give that password")
        return known.id

    async def begin(self, account_id: UUID, client: str) -> SignedIn:
        """Begin a session of a person who has shown by other means who he is."""
        return await self._begin(self.tokens, account_id, client)

    async def refresh(self, token: str) -> SignedIn:
        """New tokens for a refresh token, which holds no more afterwards.

        One that was used before ends its session: either its owner or a thief has it twice. Raises `Unauthorized`.
        """
        tokens, shown = self.tokens, read_key(token)
        if shown is None:
            raise refused()
        async with self._uow.reading_for("session", row=shown.id) as work:
            known = await repository.session(work, shown.id)
        if known is None:
            raise refused()
        fresh = make_key(_ENV, shown.id)
        async with self._uow.of_account(known.account_id) as work:
            row = await repository.session(work, shown.id, held=True)
            owner = await repository.account(work, known.account_id)
            holds = _holds(row, owner)
            if row is not None and holds and not _fits(row, shown):
                await repository.end_sessions(work, row.account_id, "reused", only=row.id)
                holds = False
            elif row is not None and holds:
                _rotate(row, fresh)
        if not holds:
            self._standings.forget(known.account_id)
            raise refused()
        return _signed_in(tokens, Holder(known.account_id, shown.id), fresh)

    async def authenticate(
        self, token: str, organization: str | None, project: str | None, *, opened: bool = False
    ) -> OrgScope:
        """Whom an access token speaks for, in that project of that organization (names or ids).

        Neither need be said where only one is possible. Of what was `opened` with it the token may run out, as long as
        its session holds. Raises `Unauthorized`, `NotFound` for a place that the person has no role in, `InvalidInput`
        where it has to be said.
        """
        holder = self.tokens.read(token, even_old=opened)
        standing = await self._standing(holder)
        place = chosen(standing.places, organization, project)
        actor = f"user:{holder.account_id}"
        return OrgScope(place.organization_id, place.project_id, actor, frozenset(place.permissions))

    async def holder(self, token: str) -> Holder:
        """The person an access token names, whose session still holds. Raises `Unauthorized`."""
        holder = self.tokens.read(token)
        await self._standing(holder)
        return holder

    async def me(self, holder: Holder) -> AccountOut:
        """The person, and where he may do what."""
        async with self._uow.of_account(holder.account_id) as work:
            found = await repository.account(work, holder.account_id)
            places = shown_places(await repository.places(work, holder.account_id), await repository.custom_roles(work))
        if found is None:
            raise refused()
        return AccountOut(
            id=found.id,
            email=found.email,
            email_verified_at=found.email_verified_at,
            name=found.name,
            places=list(places),
        )

    async def sessions(self, holder: Holder) -> list[SessionOut]:
        """The sessions of a person that still hold, the newest first."""
        async with self._uow.of_account(holder.account_id) as work:
            rows = await repository.sessions(work, holder.account_id)
        return [_shown(row, holder) for row in rows]

    async def end_session(self, holder: Holder, id: UUID | None = None) -> None:
        """End a session of the person; without `id` the one that asks. Here at once, elsewhere within five seconds."""
        reason = "signed_out" if id in (None, holder.session_id) else "revoked"
        async with self._uow.of_account(holder.account_id) as work:
            ended = await repository.end_sessions(work, holder.account_id, reason, only=id or holder.session_id)
        self._standings.forget(holder.account_id)
        if not ended and id is not None:
            raise NotFound(f"no session `{id}`", help="list your sessions to find its id")

    async def known_by_password(self, holder: Holder, password: str) -> Account:
        """The person, who has shown the password once more. Raises `InvalidInput` for a wrong one."""
        async with self._uow.of_account(holder.account_id) as work:
            found = await repository.account(work, holder.account_id)
        if found is None:
            raise refused()
        if found.password is None:
            raise Conflict("you have no password: you sign in elsewhere", help="ask for one by e-mail, as if forgotten")
        if not await self._passwords.fits(password, found.password):
            await self._note_failure(found.id)
            raise InvalidInput("this is not your current password", help="give it as it was until now")
        return found

    async def change_password(self, holder: Holder, current: str, new: str) -> None:
        """Take another password; every other session ends. Raises `InvalidInput` for a wrong or a weak one."""
        found = await self.known_by_password(holder, current)
        check_password(new, found.email, found.name, current)
        hashed = await self._passwords.hash(new)
        async with self._uow.of_account(holder.account_id) as work:
            row = await repository.account(work, holder.account_id, held=True)
            if row is None or row.password != found.password:
                raise Conflict("your password was changed meanwhile", help="sign in with the new one")
            row.password = hashed
            await repository.end_sessions(work, holder.account_id, "password_changed", but=holder.session_id)
            await self._post.write(work, found.id, "password", found.email)
            await record_for(work, found.id, "password.changed")
        self._standings.forget(holder.account_id)
        self._post.ring()

    def forget(self, account_id: UUID) -> None:
        """Look again where the person stands, since that has changed."""
        self._standings.forget(account_id)

    async def _begin(self, tokens: AccessTokens, account_id: UUID, client: str) -> SignedIn:
        key, now = make_key(_ENV), datetime.now(UTC)
        row = AccountSession(
            id=key.id,
            account_id=account_id,
            client=client[:200],
            hash=key.hash,
            rotated_at=now,
            expires_at=now + SESSION,
        )
        async with self._uow.of_account(account_id) as work:
            found = await repository.account(work, account_id, held=True)
            if found is None:
                raise refused()
            found.failures, found.locked_until = 0, None
            await repository.forget_sessions(work, account_id, now - _KEPT)
            await repository.add_session(work, row)
        return _signed_in(tokens, Holder(account_id, key.id), key)

    async def _note_failure(self, account_id: UUID) -> None:
        async with self._uow.of_account(account_id) as work:
            row = await repository.account(work, account_id, held=True)
            if row is None:
                return
            row.failures += 1
            if row.failures >= PATIENCE:
                minutes = timedelta(minutes=row.failures - PATIENCE + 1)
                row.locked_until = datetime.now(UTC) + min(minutes, _LONGEST_WAIT)

    async def _standing(self, holder: Holder) -> Standing:
        """Where the person stands. Raises `Unauthorized` where neither he nor the session holds any more."""
        standing = self._standings.find(holder.session_id)
        if standing is None:
            asked = time.monotonic()
            async with self._uow.of_account(holder.account_id) as work:
                row = await repository.session(work, holder.session_id)
                is_live = _holds(row, await repository.account(work, holder.account_id))
                found = await repository.places(work, holder.account_id) if is_live else []
                custom = await repository.custom_roles(work) if is_live else {}
            standing = Standing(holder.account_id, is_live, shown_places(found, custom))
            self._standings.keep(holder.session_id, standing, asked=asked)
        if not standing.is_live or standing.account_id != holder.account_id:
            raise refused()
        return standing


def _holds(row: AccountSession | None, owner: Account | None) -> bool:
    is_open = row is not None and row.revoked_at is None and row.expires_at > datetime.now(UTC)
    return is_open and owner is not None and owner.suspended_at is None


def _fits(row: AccountSession, shown: Key) -> bool:
    """Whether the token is the current one, or the one before it in its short grace."""
    if hmac.compare_digest(row.hash, shown.hash):
        return True
    is_former = row.former_hash is not None and hmac.compare_digest(row.former_hash, shown.hash)
    return is_former and row.rotated_at > datetime.now(UTC) - GRACE


def _rotate(row: AccountSession, fresh: Key) -> None:
    now = datetime.now(UTC)
    row.former_hash, row.hash = row.hash, fresh.hash
    row.rotated_at, row.expires_at = now, now + SESSION


def _signed_in(tokens: AccessTokens, holder: Holder, refresh: Key) -> SignedIn:
    return SignedIn(access_token=tokens.give(holder), expires_in=LIFETIME, refresh_token=refresh.text)


def _shown(row: AccountSession, holder: Holder) -> SessionOut:
    return SessionOut(
        id=row.id,
        client=row.client,
        created_at=row.created_at,
        refreshed_at=row.rotated_at,
        expires_at=row.expires_at,
        current=row.id == holder.session_id,
    )
