"""Where the values of secrets come from."""

from __future__ import annotations

import os

from girih.providers.credentials import secret_variable
from girih.services.secrets.service import SecretService


def make_secrets() -> SecretService:
    """The service of secrets."""
    return SecretService(secret_of)


def secret_of(name: str) -> str | None:
    """A secret that tools name as `secret://NAME`, as the operator has set it in the environment."""
    return os.environ.get(secret_variable(name))


async def operators_secret(name: str) -> str | None:
    """The same where there is no project: in the tests of graphs on this machine."""
    return secret_of(name)
