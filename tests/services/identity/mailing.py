"""People who are written to: the services over one database, and what was sent to whom."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.services.identity.people import Town, token_pem

from girih.db.unit_of_work import UnitOfWork
from girih.providers.mail.base import Mail, MailFault
from girih.services.identity.accounts import AccountService
from girih.services.identity.members import MemberService
from girih.services.identity.one_time import OneTimeTokens
from girih.services.identity.passwords import Passwords
from girih.services.identity.post import Invitations, Letters, Post
from girih.services.identity.recovery import RecoveryService
from girih.services.identity.setup import SetupService
from girih.services.identity.tokens import AccessTokens, token_key
from girih.services.mail.courier import Courier, Patience

SECRET = b"a secret of 32 bytes or thereby."
BASE = "https://app.test"
TOKEN = re.compile(r"girih_[a-z]+_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}")


@dataclass
class Sent:
    """A `Mailer` that keeps what it is given, and fails first as often as it is told to."""

    mails: list[Mail] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    async def send(self, mail: Mail) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.mails.append(mail)

    def to(self, email: str) -> list[str]:
        """The subjects of what was sent there."""
        return [mail.subject for mail in self.mails if mail.to == email]

    def token(self, email: str) -> str:
        """The token in the last mail that was sent there."""
        text = next(mail.text for mail in reversed(self.mails) if mail.to == email.lower())
        (token,) = set(TOKEN.findall(text))
        return str(token)


@dataclass
class PostTown(Town):
    """A town with a post."""

    recovery: RecoveryService
    setup: SetupService
    courier: Courier
    sent: Sent

    @classmethod
    def with_post(
        cls,
        uow: UnitOfWork,
        *,
        sends: bool = True,
        secrets: tuple[bytes, ...] = (SECRET,),
        patience: Patience | None = None,
    ) -> PostTown:
        one_time, sent = OneTimeTokens(secrets), Sent()
        post, passwords = Post(one_time, sends=sends), Passwords(memory=64, rounds=1)
        tokens = AccessTokens([token_key(token_pem())], "test")
        accounts = AccountService(uow, passwords, tokens, post)
        boxes = Letters(one_time, BASE), Invitations(one_time, BASE)
        return cls(
            accounts,
            MemberService(uow, accounts, post),
            tokens,
            RecoveryService(uow, accounts, passwords, post),
            SetupService(uow, accounts, passwords, one_time),
            Courier(uow, sent, boxes, patience or Patience(waits=(3600, 3600))),
            sent,
        )


LATER = MailFault("the mail server cannot be reached")
NEVER = MailFault("the mail server refuses the address (550)", is_final=True)
