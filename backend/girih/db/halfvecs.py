"""Vectors on their way into the database: in pgvector's binary form, which neither side has to write out or to read."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from girih.errors import InvalidInput

LARGEST = 65_504
"""What 16 bits hold at most."""
_TOLD = "halfvecs"
"""Among what the pool notes of a connection: it takes the binary form."""

_SCHEMA = text("""
SELECT n.nspname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = to_regtype('halfvec')
""")


def halfvec(vector: Sequence[float]) -> bytes:
    """A vector as a value of the type `halfvec`: how many numbers, nothing, and these in 16 bits each.

    Raises `InvalidInput` for numbers that are larger than those may be.
    """
    try:
        return struct.pack(f">HH{len(vector)}e", len(vector), 0, *vector)
    except OverflowError as fault:
        raise InvalidInput(
            f"a vector holds a number beyond ±{LARGEST:,}, which is more than is kept",
            help="let the embedder give vectors of length 1",
        ) from fault


async def take_halfvecs(session: AsyncSession) -> None:
    """Let the session's connection take values of `halfvec` as `halfvec` makes them, alone and in arrays."""
    connection = await session.connection()
    known = connection.sync_connection.info if connection.sync_connection else {}
    if _TOLD in known:
        return
    schema = await session.scalar(_SCHEMA)
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.set_type_codec("halfvec", schema=schema, encoder=bytes, decoder=bytes, format="binary")
    known[_TOLD] = True
