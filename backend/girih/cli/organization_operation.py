"""What `girih organization` does on the database itself, as the operator of an installation."""

from __future__ import annotations

import asyncio

from girih.cli.key_rotation import surround
from girih.wiring.environment import read_settings
from girih.wiring.organizations import open_operation

_DONE = {"suspend": "suspended", "resume": "active again", "restore": "no longer being deleted"}


def operate(action: str, name: str) -> str:
    """Suspend, resume or restore the organization of that name, and say so. Raises `NotFound`, `Conflict`."""
    surround()
    return asyncio.run(_operated(action, name))  # noqa: TID251 - a process of its own, which keeps no pool


async def _operated(action: str, name: str) -> str:
    async with open_operation(read_settings()) as organizations:
        found = await organizations.operate(name, suspended=None if action == "restore" else action == "suspend")
    return f"{found.name} is {_DONE[action]}; that holds everywhere within five seconds"
