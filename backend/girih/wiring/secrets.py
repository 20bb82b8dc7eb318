"""Where the values of secrets come from, and the keys that they are encrypted with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from girih.db.unit_of_work import UnitOfWork
from girih.providers.credentials import secret_variable
from girih.services.secrets.columns import SECRET_VALUES
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.service import SecretService
from girih.services.webhooks.keys import SEALED as WEBHOOK_SECRETS
from girih.services.webhooks.keys import SigningKeys
from girih.settings import Settings
from girih.wiring.master_keys import master_keys_of, require_right_keys

SEALED = (SECRET_VALUES, *WEBHOOK_SECRETS)
"""Every column that holds sealed texts."""


@dataclass(frozen=True)
class Secrecy:
    """The secrets of all projects, and the keys of all organizations."""

    ring: KeyRing
    secrets: SecretService
    signing: SigningKeys


async def open_secrets(settings: Settings, uow: UnitOfWork) -> Secrecy:
    """The service of secrets. Raises `InvalidInput` and `Unavailable` for master keys that cannot work."""
    masters = master_keys_of(settings)
    await require_right_keys(uow, masters)
    ring = KeyRing(uow, masters)
    return Secrecy(ring, SecretService(uow, ring, secret_of), SigningKeys(uow, ring))


def secret_of(name: str) -> str | None:
    """A secret that tools name as `secret://NAME`, as the operator has set it in the environment."""
    return os.environ.get(secret_variable(name))


async def operators_secret(name: str) -> str | None:
    """The same where there is no project: in the tests of graphs on this machine."""
    return secret_of(name)
