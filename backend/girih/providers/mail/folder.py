"""Mails as files in a folder: the outbox of a laptop, where nobody has a mail server."""

from __future__ import annotations

import asyncio
import os
from email.headerregistry import Address
from pathlib import Path

import structlog

from girih.providers.mail.base import Mail, MailFault, message_of

log = structlog.get_logger("girih.mail")


class FolderMailer:
    """The `Mailer` that writes each mail to `ID.eml`, for its owner's eyes alone."""

    def __init__(self, folder: Path, sender: Address) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, mail: Mail) -> None:
        """See `Mailer`."""
        content = message_of(mail, self._sender).as_bytes()
        try:
            path = await asyncio.to_thread(self._write, f"{mail.id}.eml", content)
        except OSError:
            raise MailFault("the folder of mails cannot be written to") from None
        log.info("a mail was written", subject=mail.subject, file=str(path))

    def _write(self, name: str, content: bytes) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, part = self._folder / name, self._folder / f".{name}"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        return part.replace(path)
