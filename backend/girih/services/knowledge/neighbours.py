"""The passages around a hit, joined with it in the order of the document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from girih.db.unit_of_work import Work
from girih.language.nodes.ports import Hit
from girih.services.knowledge.tables import SearchIndex

_AROUND = text("""
SELECT DISTINCT h.id AS hit, c.start, c."end", c.text, c.page, c.id = h.id AS is_hit
FROM chunks h
JOIN chunks c ON c.org_id = h.org_id AND c.index_id = h.index_id AND c.document_id = h.document_id
  AND c.ordinal BETWEEN h.ordinal - :reach AND h.ordinal + :reach
WHERE h.org_id = :org_id AND h.index_id = :index_id AND h.id = ANY(CAST(:ids AS uuid[]))
ORDER BY h.id, c.start, c."end"
""")


@dataclass(frozen=True)
class Around:
    """A passage near a hit, or the hit itself."""

    start: int
    end: int
    text: str
    page: int | None


async def with_neighbours(work: Work, index: SearchIndex, hits: Sequence[Hit], reach: int) -> list[Hit]:
    """The hits with `reach` passages before and after each; one that a better hit shows by then is left out.

    Where passages of a document were swapped since its hits were found, these stay as they are.
    """
    values = {"org_id": index.org_id, "index_id": index.id, "ids": [UUID(hit.chunk_id) for hit in hits]}
    around: dict[str, list[Around]] = {}
    places: dict[str, tuple[int, int]] = {}
    for row in await work.session.execute(_AROUND, values | {"reach": reach}):
        around.setdefault(str(row.hit), []).append(Around(row.start, row.end, row.text, row.page))
        if row.is_hit:
            places[str(row.hit)] = row.start, row.end
    swapped = {hit.document_id for hit in hits if places.get(hit.chunk_id) != (hit.place["start"], hit.place["end"])}
    shown: list[Hit] = []
    for hit in hits:
        if not any(_shows(other, hit) for other in shown):
            shown.append(hit if hit.document_id in swapped else joined(hit, around[hit.chunk_id]))
    return shown


def joined(hit: Hit, around: Sequence[Around]) -> Hit:
    """The hit as one text from the first of these passages to the last; they are in the document's order.

    The text is as long as its offsets say: where passages overlap nothing comes twice, and where something between them
    belongs to no passage (a line break, mostly) line breaks stand for it.
    """
    if len(around) < 2:
        return hit
    whole, end = around[0].text, around[0].end
    for passage in around[1:]:
        if passage.end > end:
            gap = passage.start - end
            whole += (" " if gap == 1 else "\n" * gap) + passage.text[max(-gap, 0) :]
            end = passage.end
    place: dict[str, Any] = {**hit.place, "start": around[0].start, "end": end}
    if around[0].page is not None:
        place["page"] = around[0].page
    return replace(hit, text=whole, place=place)


def _shows(shown: Hit, hit: Hit) -> bool:
    return (
        shown.document_id == hit.document_id
        and shown.place["start"] <= hit.place["start"]
        and hit.place["end"] <= shown.place["end"]
    )
