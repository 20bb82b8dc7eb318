"""Which mailer an address means: an SMTP server, or a folder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from girih.errors import InvalidInput
from girih.providers.mail.base import Mailer, sender_of
from girih.providers.mail.folder import FolderMailer
from girih.providers.mail.smtp import SmtpMailer, SmtpServer

FOLDER = "file:"
"""How the address of a folder begins."""


def open_mailer(url: str, sender: str) -> Mailer:
    """The mailer of `smtps://…`, `smtp://…` or `file:///folder`. Raises `InvalidInput`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FolderMailer(Path(unquote(parts.path)), sender_of(sender))
    if parts.scheme in ("smtp", "smtps"):
        return SmtpMailer(SmtpServer.of(parts), sender_of(sender))
    raise InvalidInput(
        "GIRIH_SMTP_URL is neither a mail server nor a folder",
        help="write it as `smtps://user:password@host:465`, `smtp://host?starttls=required` or `file:///folder`",
    )
