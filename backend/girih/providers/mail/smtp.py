"""Mails by SMTP: over TLS with a certificate that is checked, within bounded time."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote

import aiosmtplib

from girih.errors import InvalidInput
from girih.providers.mail.base import Mail, MailFault, message_of

SECONDS: Final = 20.0
"""How long the server may take for each answer."""

_FORM: Final = "write it as `smtps://user:password@host:465` or `smtp://user:password@host:587?starttls=required`"
_PORTS: Final = {"smtps": 465, "smtp": 587}
_STARTTLS: Final = {"required": True, "never": False}
_PERMANENT: Final = 500
"""Answers from here on will be the same the next time (RFC 5321, 4.2.1)."""


@dataclass(frozen=True)
class SmtpServer:
    """A server and the login there. With neither `is_tls` nor `starttls` everything goes in the clear."""

    host: str
    port: int
    is_tls: bool
    starttls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, parts: SplitResult) -> SmtpServer:
        """The server of an address. Raises `InvalidInput`, which does not repeat it: it may hold a password."""
        options = parse_qs(parts.query, keep_blank_values=True)
        starttls = options.pop("starttls", ["required"])
        try:
            port = parts.port or _PORTS[parts.scheme]
            wanted = _STARTTLS[starttls[-1]]
        except (ValueError, KeyError):
            raise InvalidInput("GIRIH_SMTP_URL is not usable", help=_FORM) from None
        if options or not parts.hostname or parts.path not in ("", "/"):
            raise InvalidInput("GIRIH_SMTP_URL is not usable", help=_FORM)
        is_tls = parts.scheme == "smtps"
        if parts.username and not (is_tls or wanted):
            raise InvalidInput("GIRIH_SMTP_URL would send a password in the clear", help="leave out `starttls=never`")
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port, is_tls, wanted and not is_tls, user, password)


class SmtpMailer:
    """The `Mailer` of one server; each mail goes over a connection of its own."""

    def __init__(self, server: SmtpServer, sender: Address, *, timeout: float = SECONDS) -> None:
        self._server = server
        self._sender = sender
        self._timeout = timeout
        self._tls = ssl.create_default_context()

    async def send(self, mail: Mail) -> None:
        """See `Mailer`."""
        message, server = message_of(mail, self._sender), self._server
        try:
            await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=server.password,
                # The machine's own name is nothing for the receiver to read.
                local_hostname=self._sender.domain if self._sender.domain.isascii() else "localhost",
                timeout=self._timeout,
                use_tls=server.is_tls,
                start_tls=server.starttls,
                tls_context=self._tls if server.is_tls or server.starttls else None,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
            raise _fault(fault) from None


def _fault(fault: Exception) -> MailFault:
    """Why, in our own words: those of a server may repeat the address, or the login."""
    if isinstance(fault, aiosmtplib.SMTPRecipientsRefused) and fault.recipients:
        return _fault(fault.recipients[0])
    if isinstance(fault, aiosmtplib.SMTPAuthenticationError):
        return MailFault("the mail server refuses the login in GIRIH_SMTP_URL")
    if isinstance(fault, aiosmtplib.SMTPNotSupported):
        return MailFault("the mail server lacks something that the mail needs")
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        what = "the address" if isinstance(fault, aiosmtplib.SMTPRecipientRefused) else "the mail"
        # What was said before the mail is about this server, and an operator can mend that.
        is_of_mail = isinstance(fault, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)
        said = f"the mail server refuses {what} ({fault.code})"
        return MailFault(said, is_final=is_of_mail and fault.code >= _PERMANENT)
    if isinstance(fault, ssl.SSLError):
        return MailFault("the certificate of the mail server does not hold")
    if isinstance(fault, TimeoutError):
        return MailFault("the mail server does not answer in time")
    return MailFault("the mail server cannot be reached")
