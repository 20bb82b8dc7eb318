"""`/chat/completions`."""

from __future__ import annotations

from fastapi import Request, Response

from girih.api.compat.openai.access import Asked, DoorRoute, Key, Runner, Thread
from girih.api.compat.openai.chat_request import read_chat
from girih.api.compat.openai.chats import Chats
from girih.api.deps import Wired
from girih.api.routers import Router

router = Router(route_class=DoorRoute)


@router.post("/chat/completions", operation_id="openai_chat", response_class=Response)
async def complete(
    girih: Wired,
    scope: Runner,
    request: Request,
    body: Asked = None,
    x_girih_thread: Thread = None,
    idempotency_key: Key = None,
) -> Response:
    """Say something to an agent, and get its answer, whole or as it comes."""
    return await Chats(girih, scope, request).answer(read_chat(body, x_girih_thread), idempotency_key)
