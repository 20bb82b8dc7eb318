"""What `girih backup` does on the database and the storage themselves, as the operator of an installation."""

from __future__ import annotations

import asyncio
from pathlib import Path

from girih.providers.backups.archive import Manifest
from girih.wiring.backup import back_up, check, restore
from girih.wiring.environment import read_settings


def done(action: str, file: Path) -> str:
    """Do it, and say what was done. Raises what `girih.wiring.backup` raises."""
    manifest = asyncio.run(_done(action, file))  # noqa: TID251 - a process of its own, which keeps no pool
    what = (
        f"the database at revision {manifest.revision} and {len(manifest.files)} files, of {manifest.made_at:%F %T} UTC"
    )
    if action == "write":
        return f"{file} holds {what} ({file.stat().st_size:,} bytes); master keys and settings are not in it"
    if action == "check":
        return f"{file} is whole: {what}"
    return f"restored {what}; secrets in it need the master key of then"


async def _done(action: str, file: Path) -> Manifest:
    if action == "check":
        return await check(file)
    settings = read_settings()
    return await (back_up if action == "write" else restore)(settings, file)
