"""What becomes of an AG-UI input: a question is asked, a wait is answered or given up, or the thread is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from fastapi import Request
from starlette.responses import Response

from girih.api.compat.ag_ui.events import VERSION, Events
from girih.api.compat.ag_ui.messages import said_of, written
from girih.api.compat.ag_ui.schemas import RunAgentInput
from girih.api.compat.ag_ui.state import MESSAGES, State
from girih.api.compat.turns import TurnSpeaker
from girih.api.speakers import one_line
from girih.api.sse import EventStream
from girih.db.tenancy import OrgScope
from girih.engine.shared_state import SharedState
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.conversations import Conversations, Said, Turn
from girih.wiring.server import Girih

STREAM = "text/event-stream; charset=utf-8"


async def answered(
    girih: Girih, scope: OrgScope, agent: str, body: RunAgentInput, request: Request, key: str | None
) -> Response:
    """The stream of one AG-UI run."""
    chats = Conversations(girih.runs, girih.agents)
    said = said_of(agent, body)
    if not body.messages and not body.resume:
        state = await chats.state(scope, agent, body.thread_id)
        return _whole(body, _shown(state), {"type": "success"})
    settled = await _settled(chats, scope, said, body)
    if settled is None:
        return _whole(body, [], {"type": "cancelled"})
    return _stream(girih, scope, request, body, await chats.say(scope, settled, key))


async def _settled(chats: Conversations, scope: OrgScope, said: Said, body: RunAgentInput) -> Said | None:
    """What is left to say once the interrupts that nobody answers are settled; nothing where that ended the run.

    A call that nobody allows is refused. A question that nobody answers is given up, and the run with it.
    """
    if not body.resume:
        return said
    cancelled = [one.interrupt_id for one in body.resume if one.status == "cancelled"]
    if await chats.asks_anew(scope, said):
        if not said.answers:
            await chats.cancel(scope, said.chat)
        return said
    said = replace(said, asks=False)
    if not cancelled:
        return said
    kinds = {pause.id: pause.kind for pause in await chats.waits(scope, said.chat)}
    if any(kinds.get(number, "approve") != "approve" for number in cancelled):
        await chats.cancel(scope, said.chat)
        return None
    refused: dict[str, JsonValue] = {number: {"approved": False} for number in cancelled}
    return replace(said, answers={**said.answers, **refused})


def _stream(girih: Girih, scope: OrgScope, request: Request, body: RunAgentInput, turn: Turn) -> EventStream:
    shared = SharedState(turn.plan)
    state = State(shared.seen(shared.beginning(turn.state)), shared.after)
    said = body.messages if turn.since else ()
    history = [message.model_dump(by_alias=True, exclude_unset=True) for message in said]
    named = _named(body) | {"metadata": {"runId": turn.run_id}}
    events = Events(named, state, history)
    headers = {"content-location": f"/v1/runs/{turn.run_id}"}
    leaves = body.forwarded is not None and body.forwarded.on_disconnect == "cancel"
    leaving = partial(girih.runs.cancel, scope, turn.run_id) if leaves else None
    return EventStream(request, girih.runs.tail(scope, turn.run_id), headers, TurnSpeaker(turn, events), leaving)


def _whole(body: RunAgentInput, said: list[JsonObject], outcome: JsonObject) -> Response:
    """An AG-UI run that no run of an agent stands behind."""
    ids = _named(body)
    last = {"type": "RUN_FINISHED", "threadId": ids["threadId"], "runId": ids["runId"], "outcome": outcome}
    events = [{"type": "RUN_STARTED", **ids, "protocolVersion": VERSION}, *said, last]
    now = {"timestamp": int(datetime.now(UTC).timestamp() * 1000)}
    frames = b"".join(b"data: %s\n\n" % one_line(event | now) for event in events)
    return Response(frames, headers={"content-type": STREAM, "cache-control": "no-store"})


def _shown(state: JsonObject) -> list[JsonObject]:
    """What the thread holds."""
    values = {name: value for name, value in state.items() if name != MESSAGES}
    shown: list[JsonObject] = [{"type": "MESSAGES_SNAPSHOT", "messages": written(state.get(MESSAGES) or ())}]
    return [*shown, *([{"type": "STATE_SNAPSHOT", "snapshot": values}] if values else [])]


def _named(body: RunAgentInput) -> JsonObject:
    more = {"parentRunId": body.parent_run_id} if body.parent_run_id is not None else {}
    return {"threadId": body.thread_id, "runId": body.run_id, **more}
