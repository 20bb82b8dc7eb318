"""Writing to people: letters and invitations are rows of the transaction that asks for them, and are sent after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork, Work
from girih.errors import Conflict
from girih.providers.mail.base import Mail, MailFault
from girih.services.identity import member_repository
from girih.services.identity.keys import Key
from girih.services.identity.letters import FORMS, Kind, invitation, written
from girih.services.identity.one_time import OneTimeTokens
from girih.services.identity.tables import Invitation
from girih.services.mail import repository
from girih.services.mail.tables import Letter, Mailed, MailState

INVITE: Final = "invite"
_PER_HOUR: Final = 5
"""Letters of a kind that a person is written in an hour, whoever asks for them."""


def _unheard() -> None:
    """Nobody sends anything."""


class Post:
    """Writes letters. One that `sends` has a courier, which it rings for; one that does not writes nothing."""

    def __init__(
        self, tokens: OneTimeTokens | None = None, *, sends: bool = False, ring: Callable[[], None] = _unheard
    ) -> None:
        self._tokens = tokens or OneTimeTokens()
        self._sends = sends and self._tokens.can_repeat
        self.ring = ring

    def require(self) -> None:
        """Raise `Conflict` where no mail is sent: in the same words whomever it is about."""
        if not self._sends:
            raise Conflict("this server sends no mail", help="set GIRIH_SMTP_URL and GIRIH_MAIL_FROM, or ask an admin")

    async def write(self, work: Work, account_id: UUID, kind: Kind, email: str) -> None:
        """Write to a person, in a transaction that speaks for this person. Ring when it has committed.

        Nothing is written where nothing is sent, nor where the person had enough of the kind within the hour.
        """
        now, form = datetime.now(UTC), FORMS[kind]
        since = now - timedelta(hours=1)
        if not self._sends or await repository.letters_since(work, account_id, kind, since) >= _PER_HOUR:
            return
        token = self._tokens.make(kind) if form.page else None
        row = Letter(
            id=token.id if token else new_id(),
            account_id=account_id,
            kind=kind,
            email=email,
            hash=token.hash if token else None,
            expires_at=now + form.holds,
        )
        await repository.add_letter(work, row)

    def invitation(self) -> tuple[Key, MailState]:
        """The token of a fresh invitation, and how the mail with it stands."""
        return self._tokens.make(INVITE), "pending" if self._sends else "none"


M = TypeVar("M", bound=Mailed)


@dataclass(frozen=True)
class TakenMail(Generic[M]):
    """A try that this process has for itself; `text` is `None` where nobody needs it any more."""

    uow: UnitOfWork
    table: type[M]
    id: UUID
    number: int
    to: str
    text: tuple[str, str] | None = field(repr=False)
    whose: UUID | OrgScope
    """The person, or the organization, whose row it is."""

    def mail(self) -> Mail:
        """See `Taken`."""
        if self.text is None:
            raise MailFault("it is not needed any more, or came too late", is_final=True)
        return Mail(self.id, self.to, *self.text)

    async def sent(self) -> None:
        """See `Taken`."""
        async with _of(self.uow, self.whose) as work:
            await repository.sent(work, self.table, self.id, self.number)

    async def failed(self, error: str) -> None:
        """See `Taken`."""
        async with _of(self.uow, self.whose) as work:
            await repository.failed(work, self.table, self.id, self.number, error)

    async def put_off(self, error: str, wait: timedelta) -> None:
        """See `Taken`."""
        async with _of(self.uow, self.whose) as work:
            await repository.put_off(work, self.table, self.id, self.number, error, wait)


@dataclass(frozen=True)
class Letters:
    """The box of letters to people; `base` is what their links begin with."""

    tokens: OneTimeTokens
    base: str

    async def take(self, uow: UnitOfWork, *, limit: int, lease: timedelta) -> Sequence[TakenMail[Letter]]:
        """See `Box`."""
        async with uow.reading_for("mail") as work:
            found = [(row.id, row.account_id) for row in await repository.due(work, Letter, limit=limit)]
        taken = []
        for letter_id, account_id in found:
            async with uow.of_account(account_id) as work:
                row = await repository.take(work, Letter, letter_id, lease=lease)
                if row is not None:
                    text = self._text(row)
                    taken.append(TakenMail(uow, Letter, letter_id, row.mail_tries, row.email, text, account_id))
        return taken

    def _text(self, row: Letter) -> tuple[str, str] | None:
        kind = _KINDS[row.kind]
        if row.used_at is not None or row.expires_at <= datetime.now(UTC):
            return None
        token = self.tokens.again(kind, row.id, row.hash) if row.hash is not None else None
        if row.hash is not None and token is None:
            return None
        return written(kind, token.text if token else None, self.base)


@dataclass(frozen=True)
class Invitations:
    """The box of invitations."""

    tokens: OneTimeTokens
    base: str

    async def take(self, uow: UnitOfWork, *, limit: int, lease: timedelta) -> Sequence[TakenMail[Invitation]]:
        """See `Box`."""
        async with uow.reading_for("reconcile") as work:
            found = [(row.id, row.org_id) for row in await repository.due(work, Invitation, limit=limit)]
        taken = []
        for row_id, org_id in found:
            scope = OrgScope(org_id, org_id)
            async with uow(scope) as work:
                row = await repository.take(work, Invitation, row_id, lease=lease)
                if row is not None:
                    text = self._text(row, await member_repository.organization_name(work))
                    taken.append(TakenMail(uow, Invitation, row_id, row.mail_tries, row.email, text, scope))
        return taken

    def _text(self, row: Invitation, organization: str) -> tuple[str, str] | None:
        is_over = row.accepted_at is not None or row.revoked_at is not None or row.expires_at <= datetime.now(UTC)
        token = None if is_over else self.tokens.again(INVITE, row.id, row.hash)
        return invitation(organization, token.text, self.base) if token is not None else None


def _of(uow: UnitOfWork, whose: UUID | OrgScope) -> AbstractAsyncContextManager[Work]:
    return uow(whose) if isinstance(whose, OrgScope) else uow.of_account(whose)


_KINDS: Final[dict[str, Kind]] = {str(kind): kind for kind in FORMS}
