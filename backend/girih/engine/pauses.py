"""Waiting for people, times and events: pauses that are answered by id, also several at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

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


def stop_before(frame: Frame, node: str) -> PauseRequest | None:
    """What the run waits for before it executes that node, if it is to wait there."""
    return _request(node, "before") if frame.is_own and frame.run.breakpoints.is_before(node) else None


def stops_after(frame: Frame, node: str) -> bool:
    """Whether the run waits after that node."""
    return frame.is_own and frame.run.breakpoints.is_after(node)


def require_passed(frame: Frame, tally: Mapping[str, float]) -> None:
    """Wait after the node that was executed last in this region, if the run is to wait there and was not let go on.

    `tally` counts the visits of the nodes. Whoever goes on from a checkpoint finds the same answer in it.
    """
    run = frame.run
    if not frame.is_own or not run.breakpoints.after:
        return
    own = [node.name for node in frame.plan.nodes if node.region == frame.region and stops_after(frame, node.name)]
    visited = [(name, f"{frame.ns}{name}#{int(tally[name])}:$after") for name in own if name in tally]
    left = [
        OpenPause(number, f"{frame.path}{name}", _request(name, "after"))
        for name, place in visited
        if (number := pause_id(run.run_id, place)) not in run.replies
    ]
    if left:
        raise Waiting(left)


def _request(node: str, when: str) -> PauseRequest:
    return PauseRequest("breakpoint", f"stopped {when} '{node}'", {}, {"when": when, "node": node})


def pause_id(run_id: str, place: str) -> str:
    """The id of a pause: the same whenever the run comes back to it. `place` names the visit and the pause in it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id}:{place}"))
