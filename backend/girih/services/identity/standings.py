"""Where the people stand who called a moment ago: spares the database a look-up per request, for five seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from uuid import UUID

from girih.services.identity.people_schemas import Standing
from girih.services.identity.sign_ins import SECONDS


class Standings:
    """The latest standings by session; the oldest go when there are more than `size`."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._by_session: OrderedDict[UUID, tuple[Standing, float]] = OrderedDict()

    def find(self, session_id: UUID) -> Standing | None:
        """The standing, if it was asked of the database within the last five seconds."""
        found = self._by_session.get(session_id)
        if found is None:
            return None
        standing, until = found
        if time.monotonic() >= until:
            del self._by_session[session_id]
            return None
        return standing

    def keep(self, session_id: UUID, standing: Standing, *, asked: float) -> None:
        """Remember it; `asked` is the `time.monotonic()` from before the database was asked."""
        self._by_session[session_id] = (standing, asked + SECONDS)
        self._by_session.move_to_end(session_id)
        while len(self._by_session) > self._size:
            self._by_session.popitem(last=False)

    def forget(self, account_id: UUID) -> None:
        """Drop what is known of a person; other processes see what changed within five seconds."""
        gone = [session for session, (standing, _) in self._by_session.items() if standing.account_id == account_id]
        for session in gone:
            del self._by_session[session]
