"""Whether a stored secret may go where something is about to name it, said before it is sent."""

from __future__ import annotations

from girih.db.unit_of_work import Work
from girih.providers.credentials import Destination, require_host
from girih.services.secrets.repository import hosts


async def require_for(work: Work, reference: str, to: Destination) -> None:
    """Raise `NotForThere` for a `secret://NAME` that is stored and is not for that destination."""
    name = reference.removeprefix("secret://")
    known = await hosts(work, work.speaks_for, [name])
    if name in known:
        require_host(name, known[name], to)
