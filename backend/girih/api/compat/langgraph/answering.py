"""The two ways in which a run is answered: frame by frame, or with its values once it waits or has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from girih.api.compat.langgraph.frames import LAST, Place
from girih.api.compat.langgraph.noted import wanted_of
from girih.api.compat.langgraph.run_body import GOES_ON, RunBody, StreamMode
from girih.api.compat.langgraph.run_shapes import address, thread_of
from girih.api.compat.langgraph.run_start import Started
from girih.api.compat.langgraph.speaking import Informed, RunSpeaker, ViewedTail, head_of
from girih.api.compat.langgraph.waiting import ValuesSpeaker
from girih.api.sse import EventStream, OnLeave
from girih.db.tenancy import OrgScope
from girih.errors import BadCursor, InvalidInput, NotFound
from girih.services.runs.schemas import RunOut
from girih.wiring.server import Girih


@dataclass(frozen=True)
class Wanted:
    """What a client wants to be told, and whether the run is to end when it leaves."""

    modes: tuple[str, ...]
    subgraphs: bool = False
    cancels: bool = False
    feedback: tuple[str, ...] = ()
    is_named: bool = True
    """Whether its modes were said, and are not only what is told where nothing is said."""

    @classmethod
    def of(
        cls, modes: Sequence[str], *, goes_on: bool, subgraphs: bool, cancels: bool, feedback: Sequence[str]
    ) -> Wanted:
        """From what stands in an address. Raises `InvalidInput` for a mode that there is not."""
        for mode in modes:
            if mode not in get_args(StreamMode):
                raise InvalidInput(
                    f"`stream_mode`: there is no mode '{mode}'",
                    help=f"the modes are: {', '.join(get_args(StreamMode))}",
                )
        told = tuple(modes) or (GOES_ON if goes_on else ("values",))
        return cls(told, subgraphs, cancels, tuple(feedback), is_named=bool(modes))

    def of_run(self, run: RunOut) -> Wanted:
        """The same; where nothing was said, as the run's stream was wanted when it began."""
        known = None if self.is_named else wanted_of(run.metadata)
        return self if known is None else replace(self, modes=known[0], subgraphs=self.subgraphs or known[1])


async def found(girih: Girih, scope: OrgScope, thread_id: UUID | None, run_id: UUID) -> RunOut:
    """A run of a thread. Raises `NotFound` as for one that is not there, where it is another thread's."""
    run = await girih.runs.run(scope, run_id)
    if thread_id is not None and thread_of(run) != str(thread_id):
        raise NotFound(f"there is no run {run_id} on thread {thread_id}", help="list the thread's runs")
    return run


def headers_of(run: RunOut, place: str, **query: object) -> dict[str, str]:
    """Where the run is, and where a client goes on that was cut off; both below the address that clients know."""
    rest = urlencode({name: value for name, value in query.items() if value}, doseq=True)
    again = f"{address(run)}/{place}" + (f"?{rest}" if rest else "")
    return {"content-location": address(run), "location": again}


async def streamed(girih: Girih, scope: OrgScope, request: Request, started: Started, body: RunBody) -> Response:
    """The stream of whoever has just started or resumed the run."""
    keys = tuple(body.feedback_keys or ())
    wanted = Wanted(tuple(body.stream_mode), bool(body.stream_subgraphs), body.on_disconnect == "cancel", keys)
    head = head_of(started.after, started.run.id, thread_of(started.run))
    feedback = await _feedback(girih, scope, request, started.run, wanted)
    speaker = _speaker(wanted, started.after, head, feedback)
    return _stream(girih, scope, request, started.run, wanted, speaker)


async def rejoined(
    girih: Girih,
    scope: OrgScope,
    request: Request,
    run: RunOut,
    wanted: Wanted,
    after: Place | None,
) -> Response:
    """What comes after a frame; without one, all since the run was started or resumed last."""
    wanted = wanted.of_run(run)
    last = (await girih.runs.tail(scope, run.id).open()).last
    if after is not None and after.seq > last:
        raise BadCursor(
            f"run {run.id} has no event {after.seq} to go on after; its last one is {last}",
            help="send the `id:` of the last frame that arrived, or -1 to begin with the first one",
        )
    begins = after or await begun(girih, scope, run)
    head = b"" if after is not None else head_of(begins, run.id, thread_of(run))
    until = last if run.status == "interrupted" and begins >= Place(last, LAST) else None
    feedback = await _feedback(girih, scope, request, run, wanted)
    return _stream(girih, scope, request, run, wanted, _speaker(wanted, begins, head, feedback, until))


def waited(
    girih: Girih, scope: OrgScope, request: Request, run: RunOut, after: Place, *, cancels: bool = False
) -> Response:
    """The run's values as soon as it has ended, or waits for its client."""
    speaker = ValuesSpeaker(after)
    headers = {**headers_of(run, "join"), "content-type": "application/json"}
    leaving = _leaving(girih, scope, run, cancels=cancels)
    return EventStream(request, _source(girih, scope, run, speaker), headers, speaker, leaving)


async def begun(girih: Girih, scope: OrgScope, run: RunOut) -> Place:
    """Where the run was started or resumed last."""
    return Place(await girih.runs.views.taken_up(scope, UUID(run.id)), LAST)


async def _feedback(girih: Girih, scope: OrgScope, request: Request, run: RunOut, wanted: Wanted) -> dict[str, str]:
    """The URLs at which something can be said of the run, by key."""
    if not wanted.feedback:
        return {}
    tokens = await girih.feedback.tokens(scope, UUID(run.id), wanted.feedback)
    return {key: f"{request.base_url}feedback/{token}" for key, token in tokens.items()}


def _speaker(
    wanted: Wanted, after: Place, head: bytes, feedback: Mapping[str, str], until: int | None = None
) -> RunSpeaker:
    modes = frozenset(wanted.modes)
    return RunSpeaker(modes, subgraphs=wanted.subgraphs, after=after, head=head, until=until, feedback=feedback)


def _stream(
    girih: Girih, scope: OrgScope, request: Request, run: RunOut, wanted: Wanted, speaker: RunSpeaker
) -> Response:
    again = {
        "stream_mode": wanted.modes,
        "stream_subgraphs": "true" if wanted.subgraphs else None,
        "cancel_on_disconnect": "true" if wanted.cancels else None,
        "feedback_keys": wanted.feedback,
    }
    leaving = _leaving(girih, scope, run, cancels=wanted.cancels)
    source = _source(girih, scope, run, speaker)
    return EventStream(request, source, headers_of(run, "stream", **again), speaker, leaving)


def _source(girih: Girih, scope: OrgScope, run: RunOut, speaker: Informed) -> ViewedTail:
    return ViewedTail(girih.runs.views, scope, run, girih.runs.tail(scope, run.id), speaker)


def _leaving(girih: Girih, scope: OrgScope, run: RunOut, *, cancels: bool) -> OnLeave | None:
    """What is done when the client leaves before the end."""

    async def stop() -> None:
        await girih.runs.cancel(scope, run.id, keeps_state=True)

    return stop if cancels else None
