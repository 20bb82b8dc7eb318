"""What other services need of secrets: the value behind a name."""

from __future__ import annotations

from typing import Protocol

from girih.db.tenancy import OrgScope
from girih.providers.credentials import Destination


class SecretValues(Protocol):
    """Secrets by name, as the project of a scope sees them."""

    async def value(self, scope: OrgScope, name: str, to: Destination) -> str | None:
        """The value of `secret://name`: what the project has stored, else what the operator has set; `None` for none.

        Raises `NotForThere` for a destination that it is not for.

        It may be asked for outside of transactions only, belongs into a credential, and goes nowhere else. It is
        asked for again for each use: a secret that was changed or deleted is so within five seconds.
        """
        ...
