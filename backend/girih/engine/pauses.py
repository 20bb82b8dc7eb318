"""Waiting for people, times and events: pauses that are answered by id, also several at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from girih.engine.context import Frame, OpenPause
from girih.errors import Paused
from girih.language.nodes.pausing import PauseRequest, Reply


class Waiting(Paused):
    """A graph has come as far as it can: `pauses` is what it waits for."""

    def __init__(self, pauses: Iterable[OpenPause]) -> None:
        self.pauses = tuple(pauses)
        super().__init__(", ".join(pause.id for pause in self.pauses))


class Pauses:
    """The pauses of one visit of one node, that node's own."""

    def __init__(self, frame: Frame, place: str, path: str) -> None:
        self._frame = frame
        self._place = place
        self._path = path
        self.open: dict[str, OpenPause] = {}

    async def pause(self, key: str, request: PauseRequest) -> Reply:
        """The reply, if there is one by now. Raises `Paused`."""
        run = self._frame.run
        name = pause_id(run.run_id, f"{self._place}:{key}")
        reply = run.replies.get(name)
        if reply is not None:
            return reply
        self.open[key] = OpenPause(name, self._path, request)
        raise Paused(name)


def pause_id(run_id: str, place: str) -> str:
    """The id of a pause: the same whenever the run comes back to it. `place` names the visit and the pause in it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id}:{place}"))
