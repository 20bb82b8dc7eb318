"""Who may find a document: the condition that keeps what a search finds to those it is made for."""

from __future__ import annotations

from sqlalchemy import text

from girih.db.unit_of_work import Work
from girih.language.nodes.ports import Asker
from girih.services.knowledge.tables import SearchIndex
from girih.services.knowledge.where import EVERYTHING, Where

_ANY_READERS = text("""
SELECT EXISTS (
  SELECT FROM documents WHERE org_id = :org_id AND collection_id = :collection_id AND readers IS NOT NULL
)
""")

_READABLE = "(d.readers IS NULL OR d.readers && CAST(:where_readers AS text[]))"


def readable_by(asker: Asker) -> Where:
    """Documents that everybody may read, and those that name one of the asker's principals."""
    return Where(_READABLE, {"where_readers": asker.principals})


async def readers_where(work: Work, index: SearchIndex, asker: Asker) -> Where:
    """The same; no condition at all where every document of the collection is readable by everybody."""
    whose = {"org_id": index.org_id, "collection_id": index.collection_id}
    return readable_by(asker) if await work.session.scalar(_ANY_READERS, whose) else EVERYTHING
