"""Attempts to get in, by a password or a token, counted before anything is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from girih.wiring.guessing import Guesses


@dataclass(frozen=True)
class Attempts:
    """Counts attempts of whoever sent the request."""

    guesses: Guesses
    client: str

    async def __call__(self, what: str, target: object, *, often: bool = False) -> None:
        """Count one on a target: an address, a token, a person. Raises `RateLimited` for one too many."""
        await self.guesses.take(what, str(target), self.client, often=often)


async def _attempts(request: Request) -> Attempts:
    # Behind a proxy that is trusted (GIRIH_TRUSTED_PROXIES) it is the address that the proxy has named.
    client = request.client.host if request.client is not None else ""
    return Attempts(request.app.state.girih.people.guesses, client)


Attempt = Annotated[Attempts, Depends(_attempts)]
"""What a route calls before it tries what it was given."""
