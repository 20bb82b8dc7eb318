"""Whether two who act are two people: a key counts as the person who made it, and as the key it was made with."""

from __future__ import annotations

from uuid import UUID

from girih.db.unit_of_work import Work
from girih.services.identity import repository as identity

_KEY, _USER = "key:", "user:"
_LONGEST = 20
"""So many keys, each made with the one before, are looked back over."""


async def is_one_person(work: Work, one: str, other: str) -> bool:
    """Whether who acts as `one` may as well act as `other`, as far as that is known.

    Behind two keys is one person where a person made both, or where one of them was made with the other. Keys that
    were made with the same third one, which no person made, are two: an operator's first key makes all others.
    """
    first, second = await _behind(work, one), await _behind(work, other)
    return one in second or other in first or (first[-1] == second[-1] and first[-1].startswith(_USER))


async def _behind(work: Work, actor: str) -> list[str]:
    """Who acts; the key or the person that made it; and so on."""
    found = [actor]
    while found[-1].startswith(_KEY) and len(found) <= _LONGEST:
        row = await identity.key(work, UUID(found[-1].removeprefix(_KEY)))
        if row is None:
            break
        found.append(row.created_by)
    return found
