"""What people do by mail: choose another password, show that an address is theirs, take another one."""

from __future__ import annotations

import asyncio
import hmac
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict, InvalidInput, Unauthorized
from girih.services.identity import account_repository as accounts_rows
from girih.services.identity.account_audit import record_for
from girih.services.identity.accounts import AccountService
from girih.services.identity.addresses import email_of
from girih.services.identity.keys import Key, read_key
from girih.services.identity.letters import Kind
from girih.services.identity.passwords import Passwords, check_password
from girih.services.identity.post import Post
from girih.services.identity.tables import Account
from girih.services.identity.tokens import Holder, refused
from girih.services.mail import repository
from girih.services.mail.tables import Letter

ANSWERED: Final = 0.25
"""Seconds after which it is answered that mail is on its way, or would be: an address that is known takes as long."""

_TOKENS: Final[tuple[Kind, ...]] = ("reset", "verify", "change")


class RecoveryService:
    """Letters that ask for something, and what is done with their tokens."""

    def __init__(self, uow: UnitOfWork, accounts: AccountService, passwords: Passwords, post: Post) -> None:
        self._uow = uow
        self._accounts = accounts
        self._passwords = passwords
        self._post = post

    async def forgot(self, email: str) -> None:
        """Write to the person with that address, if there is one; nothing tells whether. Raises `Conflict`."""
        self._post.require()
        began, email = time.monotonic(), email_of(email)
        async with self._uow.reading_for(f"address:{email}") as work:
            found = await accounts_rows.account_at(work, email)
        if found is not None and found.suspended_at is None:
            async with self._uow.of_account(found.id) as work:
                await self._post.write(work, found.id, "reset", email)
            self._post.ring()
        await asyncio.sleep(max(0.0, began + ANSWERED - time.monotonic()))

    async def reset(self, token: str, password: str) -> None:
        """Take another password by a mailed token. Every session ends, and every other token.

        Raises `Unauthorized` for a token that does not hold, always with the same words, and `InvalidInput`.
        """
        shown, letter = await self._letter(token, ("reset",))
        async with self._uow.of_account(letter.account_id) as work:
            person = await accounts_rows.account(work, letter.account_id)
        if person is None or person.suspended_at is not None or person.email != letter.email:
            raise _refused()
        check_password(password, person.email, person.name)
        hashed = await self._passwords.hash(password)
        async with self._uow.of_account(person.id) as work:
            row = await self._used(work, shown, person.id)
            row.password, row.failures, row.locked_until = hashed, 0, None
            row.email_verified_at = datetime.now(UTC)
            await repository.end_letters(work, row.id, _TOKENS)
            await accounts_rows.end_sessions(work, row.id, "password_changed")
            await self._post.write(work, row.id, "password", row.email)
            await record_for(work, row.id, "password.reset")
        self._accounts.forget(person.id)
        self._post.ring()

    async def verify(self, holder: Holder) -> None:
        """Write once more to an address that was not shown yet to be the person's. Raises `Conflict`."""
        self._post.require()
        async with self._uow.of_account(holder.account_id) as work:
            person = await accounts_rows.account(work, holder.account_id)
            if person is None:
                raise refused()
            if person.email_verified_at is not None:
                raise Conflict("your address is confirmed already", help="there is nothing left to do")
            await self._post.write(work, person.id, "verify", person.email)
        self._post.ring()

    async def change_email(self, holder: Holder, email: str, password: str) -> None:
        """Ask for another address: it is written to, and so is the present one. It changes when it is confirmed.

        Whether somebody has the address is told to nobody but its owner. Raises `Conflict`, and `InvalidInput` for a
        wrong password.
        """
        self._post.require()
        email = email_of(email)
        person = await self._accounts.known_by_password(holder, password)
        if email == person.email:
            raise InvalidInput("this is your address already", help="give another one")
        async with self._uow.of_account(person.id) as work:
            await repository.end_letters(work, person.id, ("change",))
            await self._post.write(work, person.id, "change", email)
            await self._post.write(work, person.id, "changing", person.email)
        self._post.ring()

    async def confirm(self, token: str) -> None:
        """Take a mailed token as the proof that its address is the person's, and change to it if that was asked for.

        Raises `Unauthorized` for a token that does not hold, `Conflict` where somebody has the address by now.
        """
        shown, letter = await self._letter(token, ("verify", "change"))
        async with self._uow.of_account(letter.account_id) as work:
            row, former = await self._used(work, shown, letter.account_id), ""
            if letter.kind == "change":
                former = row.email
                if not await accounts_rows.set_email(work, row, letter.email):
                    raise Conflict("there is an account with this address already", help="sign in with it")
                await repository.end_letters(work, row.id, _TOKENS)
                await self._post.write(work, row.id, "changed", former)
            elif row.email != letter.email:
                raise _refused()
            row.email_verified_at = datetime.now(UTC)
            if former:
                await record_for(work, row.id, "account.email_changed", email=letter.email, former=former)
        self._post.ring()

    async def _letter(self, token: str, kinds: tuple[Kind, ...]) -> tuple[Key, Letter]:
        """The letter of a token that holds. Raises `Unauthorized`."""
        shown = read_key(token)
        if shown is None:
            raise _refused()
        async with self._uow.reading_for("letter", row=shown.id) as work:
            row = await repository.letter(work, shown.id)
        if row is None or row.kind not in kinds or not _holds(row, shown):
            raise _refused()
        return shown, row

    async def _used(self, work: Work, shown: Key, account_id: UUID) -> Account:
        """Use a token up: of two who come with it at once one is refused. Gives its person, held."""
        row = await accounts_rows.account(work, account_id, held=True)
        letter = await repository.letter(work, shown.id, held=True)
        if row is None or row.suspended_at is not None or letter is None or not _holds(letter, shown):
            raise _refused()
        letter.used_at = datetime.now(UTC)
        return row


def _holds(row: Letter, shown: Key) -> bool:
    fits = row.hash is not None and hmac.compare_digest(row.hash, shown.hash)
    return fits and row.used_at is None and row.expires_at > datetime.now(UTC)


def _refused() -> Unauthorized:
    return Unauthorized("this token does not hold, or no longer", help="ask for a new one")
