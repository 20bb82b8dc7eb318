"""Collections and documents by what callers call them, or the words that there is none."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import NotFound
from girih.providers.parsers.document import clean
from girih.services.knowledge import repository
from girih.services.knowledge.tables import Collection, Document


async def collection(work: Work, scope: OrgScope, name: str, *, lock: bool = False) -> Collection:
    """The project's collection of that name. Raises `NotFound`."""
    # A name the database could not even be asked for (NUL, half characters) is nobody's.
    found = await repository.collection_named(work, scope, name, lock=lock) if clean(name) == name else None
    if found is None:
        raise NotFound(f"there is no collection `{name}`", help="publish it first: girih apply")
    return found


async def collection_of(work: Work, document: Document) -> Collection:
    """The collection that a document is in."""
    query = select(Collection).where(Collection.org_id == document.org_id, Collection.id == document.collection_id)
    return (await work.session.scalars(query)).one()


async def document(work: Work, scope: OrgScope, id: UUID, *, lock: bool = False) -> Document:
    """The project's document with that id; with `lock`, held to the end of the transaction. Raises `NotFound`."""
    found = await repository.document(work, scope, id, lock=lock)
    if found is None:
        raise no_document()
    return found


def no_document() -> NotFound:
    """What is said of a document that is not there, and of somebody else's."""
    return NotFound("there is no such document")
