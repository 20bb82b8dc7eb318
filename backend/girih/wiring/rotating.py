"""What rotates keys, over a database of its own pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from girih.db.engine import make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.rotation import Rotation
from girih.settings import Settings
from girih.wiring.database import open_database
from girih.wiring.environment import dispatch_of
from girih.wiring.master_keys import master_keys_of, require_right_keys
from girih.wiring.secrets import SEALED


@asynccontextmanager
async def open_rotation(settings: Settings) -> AsyncIterator[Rotation]:
    """What rotates keys. Raises `InvalidInput` and `Unavailable` for a database or keys that cannot work."""
    masters = master_keys_of(settings)
    async with open_database(settings) as engine:
        uow = UnitOfWork(make_sessions(engine), dispatch_of(settings))
        await require_right_keys(uow, masters)
        ring = KeyRing(uow, masters)
        ring.masters()
        yield Rotation(uow, ring, SEALED)
