"""What a caller has shown, kept for as long as a stream is open: it is asked again whether it still holds."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import HTTPConnection

from girih.db.tenancy import OrgScope
from girih.services.identity.tokens import is_token
from girih.wiring.server import Girih

_ORGANIZATION = "girih-organization"
_PROJECT = "girih-project"


class Credential(NamedTuple):
    """A key or an access token, the place that the headers named beside it, and the address it came from."""

    shown: str
    organization: str | None
    project: str | None
    address: str | None

    @classmethod
    def of(cls, shown: str, connection: HTTPConnection) -> Credential:
        """As it came with a request."""
        headers, client = connection.headers, connection.client
        address = client.host if client is not None else None
        return cls(shown, headers.get(_ORGANIZATION) or None, headers.get(_PROJECT) or None, address)

    async def speaks_for(self, girih: Girih, *, opened: bool = False) -> OrgScope:
        """Whom it speaks for now. Raises `Unauthorized` where it does not hold, or no longer.

        Of what was `opened` with it a token may run out, as long as its session holds.
        """
        return await girih.organizations.callers.admitted(await self._holder(girih, opened=opened))

    async def _holder(self, girih: Girih, *, opened: bool) -> OrgScope:
        if not is_token(self.shown):
            return await girih.identity.authenticate(self.shown, project=self.project, address=self.address)
        place = self.shown, self.organization, self.project
        if girih.people.foreign.takes(self.shown):
            return await girih.people.foreign.authenticate(*place, opened=opened)
        return await girih.people.accounts.authenticate(*place, opened=opened)


class Held(NamedTuple):
    """What a stream was opened with, and what it let its caller do."""

    credential: Credential
    scope: OrgScope

    @classmethod
    def of(cls, connection: HTTPConnection) -> Held | None:
        """Of a request that was allowed; `None` for one that needed nothing."""
        held: Held | None = getattr(connection.state, "held", None)
        return held

    async def still_holds(self, girih: Girih) -> bool:
        """Whether it lets its caller do the same as then. Raises as `speaks_for` does."""
        return await self.credential.speaks_for(girih, opened=True) == self.scope
