"""What `girih secrets rotate` does on the database itself, as the operator of an installation."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from girih.cli.client import nearest_dev
from girih.wiring.environment import read_settings
from girih.wiring.rotating import open_rotation


def rotate(*, master: bool) -> str:
    """Rotate the master key or the data keys, and say what was done. Raises what `open_rotation` raises."""
    surround()
    return asyncio.run(_rotated(master=master))  # noqa: TID251 - a process of its own, which keeps no pool


async def _rotated(*, master: bool) -> str:
    async with open_rotation(read_settings()) as rotation:
        if master:
            moved = await rotation.master()
            return f"{moved} data keys are wrapped with the present master key" if moved else "all were so already"
        done = await rotation.data()
        return f"{done.organizations} organizations have a new data key, {done.texts} texts are encrypted with it"


def surround() -> None:
    """Take what is not set from a `girih dev` that runs in this folder or above it."""
    dev = nearest_dev(Path.cwd()) or {}
    for variable, name in (("GIRIH_DATABASE_URL", "database_url"), ("GIRIH_MASTER_KEY_FILE", "master_key_file")):
        is_given = variable in os.environ or (name == "master_key_file" and "GIRIH_MASTER_KEY" in os.environ)
        if not is_given and dev.get(name):
            os.environ[variable] = str(dev[name])
