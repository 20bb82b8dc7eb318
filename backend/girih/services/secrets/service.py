"""Secrets by name: what the operator has set in the environment."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from girih.db.tenancy import OrgScope
from girih.providers.credentials import Secrets


class SecretService:
    """Gives the values of secrets; see `SecretValues`."""

    def __init__(self, environment: Callable[[str], str | None]) -> None:
        self._environment = environment

    async def value(self, scope: OrgScope, name: str) -> str | None:
        """See `SecretValues`."""
        del scope
        return self._environment(name)

    def of(self, scope: OrgScope) -> Secrets:
        """The secrets of the scope's project, as providers ask for them."""
        return partial(self.value, scope)
