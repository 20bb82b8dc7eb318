"""Where the values of secrets come from, and the keys that they are encrypted with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput
from girih.providers.credentials import Destination, require_host, secret_variable, sound_hosts
from girih.services.secrets.columns import SECRET_VALUES
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.service import Kept, SecretService
from girih.services.webhooks.keys import SEALED as WEBHOOK_SECRETS
from girih.services.webhooks.keys import SigningKeys
from girih.settings import Settings
from girih.wiring.master_keys import master_keys_of, require_right_keys

SEALED = (SECRET_VALUES, *WEBHOOK_SECRETS)
"""Every column that holds sealed texts."""

_HOSTS = "_HOSTS"
"""What the variable with a secret's hosts ends with, behind that of the secret."""


@dataclass(frozen=True)
class Secrecy:
    """The secrets of all projects, and the keys of all organizations."""

    ring: KeyRing
    secrets: SecretService
    signing: SigningKeys


async def open_secrets(settings: Settings, uow: UnitOfWork) -> Secrecy:
    """The service of secrets. Raises `InvalidInput` and `Unavailable` for master keys and hosts that cannot work."""
    masters = master_keys_of(settings)
    _require_sound_hosts()
    await require_right_keys(uow, masters)
    ring = KeyRing(uow, masters)
    return Secrecy(ring, SecretService(uow, ring, secret_of), SigningKeys(uow, ring))


def _require_sound_hosts() -> None:
    for variable, text in os.environ.items():
        if variable.startswith(secret_variable("")) and variable.endswith(_HOSTS):
            try:
                _hosts_in(text)
            except InvalidInput as fault:
                raise InvalidInput(f"{variable}: {fault.message}", help=fault.help) from None


def _hosts_in(text: str) -> tuple[str, ...]:
    return sound_hosts(filter(None, text.split(",")))


def secret_of(name: str) -> Kept:
    """A secret that tools name as `secret://NAME`, as the operator has set it in the environment, with its hosts.

    Raises `InvalidInput` for hosts that are none.
    """
    variable = secret_variable(name)
    return Kept(os.environ.get(variable), _hosts_in(os.environ.get(f"{variable}{_HOSTS}", "")))


def secret_for(name: str, to: Destination) -> str | None:
    """The value of such a secret, for one destination. Raises `NotForThere`."""
    found = secret_of(name)
    if found.value is not None:
        require_host(name, found.hosts, to)
    return found.value


async def operators_secret(name: str, to: Destination) -> str | None:
    """The same where there is no project: in the tests of graphs on this machine."""
    return secret_for(name, to)
