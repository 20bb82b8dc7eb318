"""Who writes to people, and by which way: the post of a process and its courier, from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc.jwk import ECKey

from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput
from girih.providers.mail.opening import FOLDER, open_mailer
from girih.services.identity.one_time import OneTimeTokens
from girih.services.identity.post import Invitations, Letters, Post
from girih.services.mail.courier import Courier
from girih.settings import Settings

_SECRET_BYTES = 32


async def open_post(stack: AsyncExitStack, settings: Settings, uow: UnitOfWork, tokens: OneTimeTokens) -> Post:
    """The post of a process, and its courier until the stack is closed; without a mail server it writes nothing.

    Raises `InvalidInput` for settings that cannot work together.
    """
    url = settings.smtp_url.get_secret_value()
    if not url or not tokens.can_repeat:
        return Post(tokens)
    base = settings.link_url or settings.public_url
    if urlsplit(base).scheme not in ("http", "https") and (base or not url.startswith(FOLDER)):
        raise InvalidInput(
            "GIRIH_SMTP_URL is set, and links in mails would lead nowhere",
            help="set GIRIH_LINK_URL to where your app asks for passwords, or GIRIH_PUBLIC_URL, as `https://…`",
        )
    mailer = open_mailer(url, settings.mail_from or _own_sender(url, base))
    courier = Courier(uow, mailer, (Letters(tokens, base), Invitations(tokens, base)))
    await courier.start()
    stack.push_async_callback(courier.stop)
    return Post(tokens, sends=True, ring=courier.ring)


def one_time_tokens(keys: Sequence[ECKey]) -> OneTimeTokens:
    """The tokens that are mailed, of the keys that access tokens are signed with: who has one could sign in anyway."""
    return OneTimeTokens([_secret(key) for key in keys])


def _secret(key: ECKey) -> bytes:
    """A secret for this purpose alone (RFC 5869)."""
    derived = HKDF(algorithm=SHA256(), length=_SECRET_BYTES, salt=None, info=b"girih one-time tokens")
    return derived.derive(key.as_der(private=True))


def _own_sender(url: str, base: str) -> str:
    """Whom mails are from where nobody says it: a folder takes anything, a server has to be told."""
    return f"girih@{urlsplit(base).hostname or 'localhost'}" if url.startswith(FOLDER) else ""
