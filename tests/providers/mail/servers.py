"""A real mail server on a free port of the loopback, which keeps what it is sent and refuses whom it is told to."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "canary of a mail server's password"


@dataclass
class Post:
    """A running server: where, what arrived, whom it refuses with which answer, and who has logged in."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    secure: list[bool] = field(default_factory=list)
    """Of each mail whether it came over TLS."""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.secure.append(session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None)
        return "250 OK"

    def texts(self) -> list[str]:
        """What the mails say."""
        return [str(mail.get_content()) for mail in self.mails]


def knows(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    fits = isinstance(given, LoginPassword) and given == LoginPassword(b"girih", PASSWORD.encode())
    return AuthResult(success=fits, handled=fits)


@asynccontextmanager
async def mail_server(
    port: int = 0, *, tls: ssl.SSLContext | None = None, starttls: bool = False
) -> AsyncIterator[Post]:
    """A server; with `tls` it speaks it from the start, or (`starttls`) once it is asked to, and asks for a login."""
    post, begun = Post(), list[SMTP]()

    def protocol() -> SMTP:
        with warnings.catch_warnings():
            # It does not see TLS that was there from the start.
            warnings.simplefilter("ignore")
            made = one()
        begun.append(made)
        return made

    def one() -> SMTP:
        return SMTP(
            post,
            hostname="localhost",
            enable_SMTPUTF8=True,
            tls_context=tls if starttls else None,
            require_starttls=starttls,
            authenticator=knows if tls else None,
            auth_required=tls is not None,
            auth_require_tls=starttls,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", port, ssl=None if starttls else tls)
    post.port = server.sockets[0].getsockname()[1]
    try:
        yield post
    finally:
        server.close()
        for one in begun:
            if one.transport is not None:
                one.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0.01)  # until the sockets are closed


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for this machine, signed by itself, and its file."""
    key, path = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context, path
