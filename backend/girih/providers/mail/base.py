"""What it means to send a mail, whatever takes it: the port, a mail, and why one was not sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, getaddresses
from typing import Protocol
from uuid import UUID

from girih.errors import InvalidInput


@dataclass(frozen=True)
class Mail:
    """A mail to one address. Its text may hold a one-time token, so it shows in no `repr`."""

    id: UUID
    to: str
    subject: str
    text: str = field(repr=False)


class MailFault(Exception):
    """A mail was not sent. `message` is our own sentence, fit to be shown; `is_final`: the same would be said again."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.is_final = is_final


class Mailer(Protocol):
    """Takes mails to where they are delivered from."""

    async def send(self, mail: Mail) -> None:
        """Send one. Raises `MailFault`."""
        ...


def sender_of(text: str) -> Address:
    """The address that mails are from, `Name <name@example.com>` or without the name. Raises `InvalidInput`."""
    found = getaddresses([text])
    try:
        if len(found) == 1 and found[0][1] and text.isprintable():
            return Address(found[0][0], addr_spec=found[0][1])
    except (ValueError, HeaderParseError, IndexError):
        pass
    raise InvalidInput("GIRIH_MAIL_FROM is no address", help="write it as `Example <no-reply@example.com>`")


def message_of(mail: Mail, sender: Address) -> EmailMessage:
    """The mail as it is sent. Raises `MailFault` for an address or a subject that no header can hold."""
    message = EmailMessage(policy=SMTP if mail.to.isascii() else SMTPUTF8)
    try:
        message["From"] = sender
        message["To"] = _address(mail.to)
        message["Subject"] = mail.subject
    except (ValueError, HeaderParseError, IndexError):
        raise MailFault("this address cannot be written to", is_final=True) from None
    message["Date"] = format_datetime(datetime.now(UTC))
    # The same at each try: a mail that came twice is known by it.
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message


def _address(text: str) -> Address:
    """The address, also one beyond ASCII (RFC 6531). Raises as `Address` does for what is more than one, or none."""
    checked = Address(addr_spec="".join(one if one.isascii() else "x" for one in text))
    if text.isascii():
        return checked
    name, _, domain = text.rpartition("@")
    return Address(username=name, domain=domain)
