"""Who may find, list and fetch a document: its readers, and where nobody in particular asks, who manages documents."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import Forbidden
from girih.language.nodes.ports import NOBODY, Asker
from girih.services.knowledge.tables import Document, SearchIndex
from girih.services.knowledge.where import EVERYTHING, Where

_MANAGES = "knowledge:write"
"""Who may change a document's readers may read it."""

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


def asker_of(scope: OrgScope, said: Asker) -> Asker:
    """For whom a search is made: whom the caller names, unless its credential says for whom it asks."""
    return said if scope.end_user is None else Asker(scope.end_user.name, scope.end_user.groups)


def shown_to(scope: OrgScope, principals: Collection[str]) -> list[str] | None:
    """For whom documents are listed and fetched; `None`: for somebody who manages them, and is shown them all.

    Whoever is named as the asker sees what the asker may read, whatever the caller may do. A caller whose credential
    says for whom it asks asks for that user, whoever is named.
    """
    if scope.end_user is not None:
        return asker_of(scope, NOBODY).principals
    return None if not principals and _MANAGES in scope.permissions else list(principals)


def may_read(document: Document, scope: OrgScope, principals: Collection[str]) -> bool:
    """Whether a document names no readers, or one of these."""
    asked = shown_to(scope, principals)
    return asked is None or document.readers is None or bool(set(document.readers) & set(asked))


def require_readable(document: Document, scope: OrgScope, principals: Collection[str]) -> None:
    """Raises `Forbidden` for a document that names readers, and none of these."""
    if not may_read(document, scope, principals):
        raise Forbidden(
            "this document is for named readers only",
            help="say for whom you ask: `user`, `group`, `role`; or ask for nobody, with a key with knowledge:write",
        )
