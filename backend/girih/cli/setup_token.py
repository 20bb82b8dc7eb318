"""`girih setup-token`: the one-time token for the first set-up, for whoever runs the installation."""

from __future__ import annotations

import asyncio

import typer

from girih.cli.output import note
from girih.errors import Conflict
from girih.services.identity.setup import SetupToken
from girih.wiring.environment import read_settings
from girih.wiring.first_setup import open_setup


def setup_token() -> None:
    """Print the token for `POST /v1/setup`, the one that the API has written to its log.

    For the operator, on a machine with the API's settings (GIRIH_DATABASE_URL, GIRIH_TOKEN_KEY).
    """
    found = asyncio.run(_token())  # noqa: TID251 - a process of its own, which keeps no pool
    if found is None:
        raise Conflict("this installation is set up", help="sign in, or ask an owner for an invitation")
    typer.echo(found.text)
    note(f"holds until {found.expires_at:%Y-%m-%d %H:%M} UTC, once")


async def _token() -> SetupToken | None:
    async with open_setup(read_settings()) as setup:
        return await setup.token()
