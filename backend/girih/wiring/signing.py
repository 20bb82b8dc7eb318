"""The key that versions are signed with, and the keys that are trusted, as the operator has set them."""

from __future__ import annotations

from pathlib import Path

from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput
from girih.providers.signing.keys import KeyRing, SigningKey
from girih.services.agents.signing import Signing
from girih.settings import Settings

_LARGEST = 2**20


def make_signing(settings: Settings, uow: UnitOfWork) -> Signing:
    """The service's signatures. Raises `InvalidInput` for a setting that cannot work."""
    return Signing(uow, signing_key_of(settings), trusted_keys_of(settings))


def signing_key_of(settings: Settings) -> SigningKey | None:
    """The key that signs, if one is set. Raises `InvalidInput`, which never shows any of it."""
    given = settings.signing_key.get_secret_value().strip()
    if not given:
        return None
    return SigningKey.from_pem(given if given.startswith("-----") else _text("GIRIH_SIGNING_KEY", given))


def trusted_keys_of(settings: Settings) -> KeyRing:
    """The keys of others that are trusted. Raises `InvalidInput`."""
    given = settings.trusted_keys.strip()
    if not given:
        return KeyRing()
    try:
        return KeyRing.from_text(given if given.startswith("{") else _text("GIRIH_TRUSTED_KEYS", given))
    except InvalidInput as fault:
        raise InvalidInput(f"GIRIH_TRUSTED_KEYS is not usable: {fault.message}", help=fault.help) from None


def _text(variable: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST).decode()
    except (OSError, ValueError) as fault:
        # What was given may be a key after all, so it is not repeated.
        why = "there is no such file" if isinstance(fault, FileNotFoundError) else "its file cannot be read"
        raise InvalidInput(f"{variable} is not usable: {why}", help="give the path of a file, or its text") from None
