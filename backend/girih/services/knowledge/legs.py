"""What one ranking of a search found, and how rows that show the same text become one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Row

Leg = dict[tuple[UUID, int], tuple[UUID, float]]
"""What one ranking found, best first: a passage's document and where it begins → its id and score."""

Find = Callable[[int], Awaitable[Sequence[Row[Any]]]]
"""Gives the best so many rows: `id`, `document_id`, `start`, `score`."""


async def distinct(find: Find, depth: int) -> Leg:
    """The best `depth` passages. Of several rows that show the same text, each for another part of it, the best one."""
    asked = depth
    while True:
        rows = await find(asked)
        leg: Leg = {}
        for row in rows:
            leg.setdefault((row.document_id, row.start), (row.id, float(row.score)))
        if len(leg) >= depth or len(rows) < asked:
            return dict(islice(leg.items(), depth))
        asked *= 4
