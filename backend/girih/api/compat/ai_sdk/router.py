"""The door of the AI SDK's UI message stream, as `DefaultChatTransport` and `useChat` speak it."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import Query, Request, Response

from girih.api.compat.ai_sdk.chunks import Chunks
from girih.api.compat.ai_sdk.messages import said_of
from girih.api.compat.ai_sdk.schemas import ChatIn
from girih.api.compat.turns import ChatRoute, TurnSpeaker
from girih.api.deps import Wired, requires
from girih.api.routers import Router
from girih.api.runs import Key
from girih.api.sse import EventStream
from girih.db.tenancy import OrgScope
from girih.services.runs.conversations import Conversations, Turn

router = Router(prefix="/ai-sdk", route_class=ChatRoute)
Creator = Annotated[OrgScope, requires("runs:create")]
Reader = Annotated[OrgScope, requires("runs:read")]
Canceller = Annotated[OrgScope, requires("runs:cancel")]
Replayed = Annotated[bool, Query(description="Replay the newest message also where it is complete, or waits.")]


@router.post("/{agent}/chat", operation_id="ai_sdk_chat", response_class=Response)
async def chat(
    girih: Wired, scope: Creator, agent: str, body: ChatIn, request: Request, idempotency_key: Key = None
) -> Response:
    """Ask, ask anew, or give what the chat's run waits for; the message streams as it grows."""
    turn = await Conversations(girih.runs, girih.agents).say(scope, said_of(agent, body), idempotency_key)
    leaving = partial(girih.runs.cancel, scope, turn.run_id) if body.on_disconnect == "cancel" else None
    return EventStream(request, girih.runs.tail(scope, turn.run_id), _headers(turn), _speaker(turn, 0), leaving)


@router.get("/{agent}/chat/{chat_id:path}/stream", operation_id="ai_sdk_resume", response_class=Response)
async def resume(
    girih: Wired, scope: Reader, agent: str, chat_id: str, request: Request, last: Replayed = False
) -> Response:
    """The message that is under way, from its beginning; 204 where there is none."""
    turn = await Conversations(girih.runs, girih.agents).follow(scope, agent, chat_id, settled=last)
    if turn is None:
        return Response(status_code=204)
    tail = girih.runs.tail(scope, turn.run_id)
    past = (await tail.open()).last + (0 if turn.waits else 1)
    return EventStream(request, tail, _headers(turn), _speaker(turn, past))


@router.post("/{agent}/chat/{chat_id:path}/stop", operation_id="ai_sdk_stop", status_code=204)
async def stop(girih: Wired, scope: Canceller, agent: str, chat_id: str) -> None:
    """Cancel the chat's run."""
    await Conversations(girih.runs, girih.agents).stop(scope, agent, chat_id)


def _headers(turn: Turn) -> dict[str, str]:
    return {"x-vercel-ai-ui-message-stream": "v1", "content-location": f"/v1/runs/{turn.run_id}"}


def _speaker(turn: Turn, past: int) -> TurnSpeaker:
    return TurnSpeaker(turn, Chunks(turn.message_id, {"runId": turn.run_id}), past=past, last=b"data: [DONE]\n\n")
