"""A chat completion from a request to its answer: a new run, or one that goes on with the results of tools."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from girih.api.compat.openai.calls import Results, settled_of
from girih.api.compat.openai.chat_frames import Deltas, Head, completion
from girih.api.compat.openai.chat_request import ChatRequest
from girih.api.compat.openai.chat_speaker import ChatSpeaker, fault_of
from girih.api.compat.openai.faults import Fault
from girih.api.compat.openai.fields import wrong
from girih.api.compat.openai.marks import is_same_given, is_same_talk, mark
from girih.api.compat.openai.options import OWN
from girih.api.compat.openai.reading import read
from girih.api.compat.openai.runs import start
from girih.api.compat.openai.turns import Turn
from girih.api.sse import EventStream
from girih.db.tenancy import OrgScope
from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_fold import ChatFold
from girih.services.runs.schemas import RunIn, RunOut
from girih.wiring.server import Girih

PATIENCE = 86_400.0
"""Seconds for which a run waits for the app to come back with results."""
_NAMES = {"format": "response_format", "instructions": "messages"}


class Chats:
    """Answers chat completions for one caller."""

    def __init__(self, girih: Girih, scope: OrgScope, request: Request) -> None:
        self._girih = girih
        self._scope = scope
        self._request = request

    async def answer(self, asked: ChatRequest, key: str | None) -> Response:
        """The completion, or a stream of its chunks."""
        run, turn = await self._resumed(asked) or await self._started(asked, key)
        head = Head(run.id, turn.number, int(run.created_at.timestamp()), f"{run.agent}@{run.version}", _print(run))
        if asked.stream:
            speaker = ChatSpeaker(turn, head, with_usage=asked.with_usage)
            return EventStream(self._request, self._girih.runs.tail(self._scope, run.id), _told(run), speaker)
        return await self._whole(run, turn, head)

    async def _started(self, asked: ChatRequest, key: str | None) -> tuple[RunOut, Turn]:
        body = RunIn(
            agent=asked.model,
            inputs=asked.inputs,
            messages=asked.said.messages,
            client=asked.client,
            metadata=asked.common.metadata | {OWN: mark(asked.said.messages, asked.client)},
            user=asked.common.user,
            thread_id=asked.thread_id,
            ttl=PATIENCE,
        )
        run = await start(self._girih, self._scope, body, key, _NAMES)
        return run, Turn(await self._fold(run, asked))

    async def _resumed(self, asked: ChatRequest) -> tuple[RunOut, Turn] | None:
        """The run that gets the results; `None` where they are a part of the history, as all the rest."""
        results = Results(self._girih, self._scope, asked.said.results)
        run = await results.run()
        if run is None:
            return None
        kept = run.metadata.get(OWN)
        is_same = is_same_given(kept, asked.client)
        if asked.thread_id is None and not (is_same and is_same_talk(kept, asked.said.messages)):
            return None
        if asked.thread_id is not None and not is_same:
            raise wrong(
                "tools", "while a run waits for results, tools, format, settings and instructions stay the same"
            )
        if not await results.give(run):
            return None
        settled = await settled_of(self._girih, self._scope, run.id)
        return run, Turn(await self._fold(run, asked), calls=results.call_ids, settled=settled)

    async def _whole(self, run: RunOut, turn: Turn, head: Head) -> Response:
        deltas = Deltas()
        said: list[JsonObject] = []
        faulty: list[Fault] = []

        def take(event: RunEvent) -> bool:
            steps = turn.take(event)
            said.extend(deltas.of(steps))
            fault = fault_of(steps, run.id, is_answered=deltas.reason is not None)
            faulty.extend([fault] if fault is not None else [])
            return bool(faulty) or turn.ended_at is not None

        await read(self._girih.runs.events(self._scope, run.id), take)
        if faulty:
            return JSONResponse({"error": faulty[0].error()}, faulty[0].status, faulty[0].headers())
        head = Head(head.run_id, turn.number, _created(turn, head), head.model, head.fingerprint)
        return JSONResponse(completion(head, said, deltas.reason or "stop", turn.tokens), headers=_told(run))

    async def _fold(self, run: RunOut, asked: ChatRequest) -> ChatFold:
        """A stream also has what a model says before it calls tools of the agent; a whole answer is the answer."""
        return ChatFold(await self._girih.agents.plan(self._scope, run.digest), run.id, aloud=asked.stream)


def _created(turn: Turn, head: Head) -> int:
    return int(turn.began_at.timestamp()) if turn.number and turn.began_at is not None else head.created


def _print(run: RunOut) -> str:
    """What was published, in the few characters that clients expect."""
    return f"fp_{run.digest.rpartition(':')[2][:10]}"


def _told(run: RunOut) -> dict[str, str]:
    return {"x-girih-run": run.id} | ({"x-girih-thread": run.thread_id} if run.thread_id else {})
