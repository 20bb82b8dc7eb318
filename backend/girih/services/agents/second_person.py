"""Whether two who act are two people: a key counts as the person who made it."""

from __future__ import annotations

from uuid import UUID

from girih.db.unit_of_work import Work
from girih.services.identity import repository as identity

_KEY, _USER = "key:", "user:"
_LONGEST = 20
"""So many keys, each made with the one before, are looked back over."""


async def person_behind(work: Work, actor: str) -> str:
    """The person who acts, as far as that is known: who made the key, or the key that this one was made with.

    A key that no person made, as an operator's first one, stands for itself, and so does one that was made with that.
    """
    found = actor
    for _ in range(_LONGEST):
        if not found.startswith(_KEY):
            break
        row = await identity.key(work, UUID(found.removeprefix(_KEY)))
        if row is None:
            break
        found = row.created_by
    return found if found.startswith(_USER) else actor
