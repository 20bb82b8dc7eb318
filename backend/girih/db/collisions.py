"""Two requests that wrote the same at the same moment: the second one is told so, and it is no fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from girih.errors import Conflict, DatabaseUnavailable

_TAKEN = "23505"
"""The SQLSTATE of a name or number that another transaction has just taken."""
_WAITED_FOR_EACH_OTHER = ("40001", "40P01")


@contextmanager
def collisions_named() -> Iterator[None]:
    """Turn a collision into `Conflict`, and into `DatabaseUnavailable` where the same would go through when repeated.

    Where a service can name what is taken it has done so before.
    """
    try:
        yield
    except (DBAPIError, asyncpg.PostgresError) as fault:
        collided = fault.orig if isinstance(fault, DBAPIError) else fault
        state = getattr(collided, "sqlstate", None)
        if state == _TAKEN:
            way_out = "nothing was changed: look how it stands, and try again"
            raise Conflict("another request has just written the same", help=way_out) from fault
        if state in _WAITED_FOR_EACH_OTHER:
            raise DatabaseUnavailable("another request is writing the same", help="try again in a moment") from fault
        raise
