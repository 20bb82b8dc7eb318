"""What one ranking of a search found, and how rows that show the same text become one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from girih.db.unit_of_work import Work

Leg = dict[tuple[UUID, int], tuple[UUID, float]]
"""What one ranking found, best first: a passage's document and where it begins → its id and score."""

Find = Callable[[int], Awaitable[Sequence[Row[Any]]]]
"""Gives the best so many rows: `id`, `document_id`, `start`, `score`."""

DOCUMENTS = "JOIN documents d ON d.org_id = c.org_id AND d.id = c.document_id"
"""What a statement with a condition joins to its passages `c`."""

_TUNE = text(
    "SELECT set_config(name, value, true) FROM unnest(CAST(:names AS text[]), CAST(:given AS text[])) s (name, value)"
)


async def tune(work: Work, **settings: object) -> None:
    """Set up the rest of the transaction for searches: plans for this index, and memory for some 100,000 rows."""
    # A plan made for any index would be wrong for small ones beside big ones.
    wanted = {"plan_cache_mode": "force_custom_plan", "work_mem": "32MB", **settings}
    known = work.session.info.setdefault(_TUNE, {})
    fresh = {name: str(value) for name, value in wanted.items() if known.get(name) != str(value)}
    if fresh:
        await work.session.execute(_TUNE, {"names": list(fresh), "given": list(fresh.values())})
        known |= fresh


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
