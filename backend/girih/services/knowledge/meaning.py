"""Passages by what they mean: the smallest cosine distance between their vectors and the question's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from girih.db.unit_of_work import Work
from girih.services.knowledge.legs import Leg, distinct
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import EVERYTHING, Where

_DOCUMENTS = "JOIN documents d ON d.org_id = c.org_id AND d.id = c.document_id"

_EXACT = """
SELECT c.id, c.document_id, c.start, 1 - (c.embedding <=> CAST(:vector AS vector)) AS score
FROM chunks c {documents}
WHERE c.org_id = :org_id AND c.index_id = :index_id AND ({where})
ORDER BY c.embedding <=> CAST(:vector AS vector), c.id
LIMIT :depth
"""


async def by_meaning(work: Work, index: SearchIndex, vector: list[float], depth: int, where: Where = EVERYTHING) -> Leg:
    """The `depth` passages nearest to the vector, nearest first; scores are cosine similarities, -1 to 1."""
    statement = text(_EXACT.format(documents=_DOCUMENTS if where.narrows else "", where=where.sql))
    values = {**where.values, "org_id": index.org_id, "index_id": index.id, "vector": str(vector)}

    async def find(rows: int) -> Sequence[Row[Any]]:
        return (await work.session.execute(statement, values | {"depth": rows})).all()

    return await distinct(find, depth)
