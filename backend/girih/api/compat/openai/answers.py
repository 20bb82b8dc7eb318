"""A response from a request to its answer, and every way to ask for it later."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response as HttpResponse

from girih.api.compat.openai import faults
from girih.api.compat.openai.calls import Results, settled_of
from girih.api.compat.openai.chains import Chains
from girih.api.compat.openai.fields import wrong
from girih.api.compat.openai.marks import is_same_given, is_same_talk
from girih.api.compat.openai.options import OWN
from girih.api.compat.openai.reading import read
from girih.api.compat.openai.response_frames import Response
from girih.api.compat.openai.response_ids import ResponseId, no_longer_kept, no_such_response, read_response_id
from girih.api.compat.openai.response_request import ResponseRequest
from girih.api.compat.openai.response_sheet import echo_of
from girih.api.compat.openai.response_speaker import ResponseSpeaker
from girih.api.compat.openai.turns import Turn
from girih.api.sse import EventStream
from girih.db.tenancy import OrgScope
from girih.engine.events import RunEvent
from girih.errors import NotFound
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_fold import ChatFold
from girih.services.runs.schemas import ENDED, RunOut
from girih.wiring.server import Girih

ALONE = "a run that waits for results takes nothing else: send the results alone"
PATIENCE = 5.0
"""Seconds that are waited for a run to stop that is to be removed."""


class Answers:
    """Makes responses for one caller, and finds them again."""

    def __init__(self, girih: Girih, scope: OrgScope, request: Request) -> None:
        self._girih = girih
        self._scope = scope
        self._request = request
        self._chains = Chains(girih, scope)

    async def create(self, asked: ResponseRequest) -> HttpResponse:
        """The response: whole, a stream of its events, or as it stands where it is left to the background."""
        run, turn = await self._resumed(asked) or await self._started(asked)
        if asked.stream:
            return self._stream(run, Response(turn, run), -1)
        if asked.background:
            return JSONResponse((await self._so_far(run, turn)).shown(), headers=_told(run))
        return await self._whole(run, turn)

    async def show(self, text: str) -> HttpResponse:
        """A response as it stands, with the questions to people that its run waits for. Raises `NotFound`."""
        run, found = await self.find(text)
        shown = found.shown()
        if found.waits is not None:
            asked = [{"id": one.id, "kind": one.kind, "message": one.message} for one in found.waits.questions]
            shown["girih"] |= {"waits_for": asked}
        return JSONResponse(shown, headers=_told(run))

    async def find(self, text: str) -> tuple[RunOut, Response]:
        """A response as it stands. Raises `NotFound`."""
        run, number = await self._run(text)
        await self._require_turns(run, text)
        found = await self._so_far(run, Turn(await self._fold(run), number))
        if number and not found.is_begun:
            raise no_such_response(text)
        return run, found

    async def stream(self, text: str, after: int) -> HttpResponse:
        """The events of a response behind a number, to its end; the same ones whenever they are read."""
        run, number = await self._run(text)
        if run.status in ENDED and not await self._girih.runs.views.is_whole(self._scope, UUID(run.id)):
            raise no_longer_kept(text)
        settled = await settled_of(self._girih, self._scope, run.id)
        turn = Turn(await self._fold(run), number, settled=settled)
        return self._stream(run, Response(turn, run), after)

    async def cancel(self, text: str) -> JsonObject:
        """Stop the run of a response; one that has ended stays as it is."""
        run, _ = await self._run(text)
        await self._girih.runs.cancel(self._scope, run.id)
        return (await self.find(text))[1].shown()

    async def delete(self, text: str) -> JsonObject:
        """Remove the run of a response, and the thread that was made for it unless others are on that, too.

        A run under way is stopped first.
        """
        run, _ = await self._run(text)
        if run.status not in ENDED:
            await self._girih.runs.cancel(self._scope, run.id)
            await self._girih.runs.replays.wait(self._scope, UUID(run.id), PATIENCE)
        await self._girih.runs.replays.remove(self._scope, UUID(run.id))
        await self._chains.forget(run)
        return {"id": text, "object": "response", "deleted": True}

    async def _started(self, asked: ResponseRequest) -> tuple[RunOut, Turn]:
        if asked.previous is not None:
            if any(message.role == "tool" for message in asked.said.messages[:-1]) and not asked.said.results:
                raise wrong("input", ALONE)
            await self._require_no_calls(asked.previous)
        run = await self._chains.start(asked)
        return run, Turn(await self._fold(run))

    async def _resumed(self, asked: ResponseRequest) -> tuple[RunOut, Turn] | None:
        """The run that gets the results; `None` where they are a part of the history, as all the rest."""
        results = Results(self._girih, self._scope, asked.said.results)
        run = await results.run()
        if run is None or not self._goes_on(asked, run) or not await results.give(run):
            return None
        settled = await settled_of(self._girih, self._scope, run.id)
        return run, Turn(await self._fold(run), calls=results.call_ids, settled=settled)

    def _goes_on(self, asked: ResponseRequest, run: RunOut) -> bool:
        """Whether the request goes on with the run. Raises for one that does, and wants something else of it now."""
        kept = run.metadata.get(OWN)
        if not asked.is_continued:
            return is_same_given(kept, asked.client) and is_same_talk(kept, asked.said.messages)
        echo = echo_of(run)
        changed = [name for name in echo if name in asked.named and asked.echo.get(name) != echo[name]]
        for name in changed:
            if name not in ("tool_choice", "previous_response_id", "conversation"):
                raise wrong(name, "this stays as it was while a run waits for results; leave it out, or send the same")
        if len(asked.said.results) != len(asked.said.messages):
            raise wrong("input", ALONE)
        return asked.previous is None or asked.previous.run_id == run.id

    async def _require_no_calls(self, previous: ResponseId) -> None:
        """Raise where the response before ended with calls: their results come first."""
        run = await self._chains.previous_run(previous)
        listed = await self._girih.runs.interrupts.of_run(self._scope, UUID(run.id))
        if not any(pause.kind == "tool" for pause in listed.items):
            return
        found = await self._so_far(run, Turn(await self._fold(run), previous.turn))
        items = [item for item in found.shown()["output"] if item["type"] == "function_call"]
        calls = [str(item["call_id"]) for item in items if item["status"] == "completed"]
        if calls:
            raise wrong("input", f"No tool output found for function call {calls[0]}.")

    async def _whole(self, run: RunOut, turn: Turn) -> HttpResponse:
        response = Response(turn, run)

        def take(event: RunEvent) -> bool:
            response.take(event)
            return response.is_over or response.waits is not None

        await read(self._girih.runs.events(self._scope, run.id), take)
        if response.waits is not None:
            return _failed(faults.of_question(response.waits.questions[0], run.id))
        if response.failed is not None:
            return _failed(faults.of_failure(response.failed, run.id))
        return JSONResponse(response.shown(), headers=_told(run))

    def _stream(self, run: RunOut, response: Response, after: int) -> HttpResponse:
        tail = self._girih.runs.tail(self._scope, run.id)
        return EventStream(self._request, tail, _told(run), ResponseSpeaker(response, after))

    async def _so_far(self, run: RunOut, turn: Turn) -> Response:
        """The response after all that the run has recorded."""
        response = Response(turn, run)
        response.begin()

        def take(event: RunEvent) -> bool:
            response.take(event)
            return response.is_over

        await read(self._girih.runs.views.recorded(self._scope, UUID(run.id)), take)
        return response

    async def _require_turns(self, run: RunOut, text: str) -> None:
        """Raise where turns cannot be told apart any more: of their events only the run's last one is kept.

        A run that never waited for results is one turn, and its last event holds all of the answer.
        """
        if run.status not in ENDED or await self._girih.runs.views.is_whole(self._scope, UUID(run.id)):
            return
        pauses = (await self._girih.runs.interrupts.of_run(self._scope, UUID(run.id))).items
        if any(pause.kind == "tool" for pause in pauses):
            raise no_longer_kept(text)

    async def _run(self, text: str) -> tuple[RunOut, int]:
        """The run and the turn that an id names. Raises `NotFound`."""
        named = read_response_id(text)
        if named is None:
            raise no_such_response(text)
        try:
            return await self._girih.runs.run(self._scope, named.run_id), named.turn
        except NotFound:
            raise no_such_response(text) from None

    async def _fold(self, run: RunOut) -> ChatFold:
        """What makes a chat of the run's events. Raises `NotFound` for a run that is no chat."""
        plan = await self._girih.agents.plan(self._scope, run.digest)
        if plan.chat is None:
            raise no_such_response(str(ResponseId(run.id)))
        return ChatFold(plan, run.id, aloud=True)


def _told(run: RunOut) -> dict[str, str]:
    return {"x-girih-run": run.id} | ({"x-girih-thread": run.thread_id} if run.thread_id else {})


def _failed(fault: faults.Fault) -> HttpResponse:
    return JSONResponse({"error": fault.error()}, fault.status, fault.headers())
