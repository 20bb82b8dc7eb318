"""A run's events over a WebSocket: the same events, the same resume and the same keys as the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from secrets import token_hex
from uuid import UUID

import structlog
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect

from girih.api.credentials import Credential, Held
from girih.api.deps import allow, asked_for_inside
from girih.api.errors import problem, status_of
from girih.api.open_streams import Place, Streams
from girih.api.routers import Router
from girih.api.sse import OnLeave, resume_after
from girih.db.tenancy import OrgScope
from girih.engine.events import RunEvent
from girih.errors import GirihError, InvalidInput, NotFound, Unauthorized
from girih.services.runs.plain import dump
from girih.wiring.server import Girih

log = structlog.get_logger("girih.api")

PROTOCOL = "girih.v1"
KEY = "girih.key."
"""Browsers cannot set headers: they offer `girih.v1` and `girih.key.` with the key behind it as protocols."""
CANCEL = "cancel_on_disconnect"
LONGEST_MESSAGE = 65_536
"""Bytes of what a client may send; nothing of it is read."""
ENDED, RESTARTING, BROKEN = 1000, 1012, 1011
"""Why the server closes: the run has ended; go on after the last `seq`, here or elsewhere; and likewise, later."""

router = Router(prefix="/runs", tags=["runs"])


@router.websocket("/{run_id}/ws", dependencies=[asked_for_inside("runs:read")])
async def follow_run_by_socket(socket: WebSocket, run_id: str) -> None:
    """A run's events after `?from=` (or `Last-Event-ID`), each a message of JSON, to its end.

    With `?cancel_on_disconnect=true` the run is stopped when the client leaves before that.
    """
    socket.scope.setdefault("state", {})["request_id"] = token_hex(8)
    girih: Girih = socket.app.state.girih
    try:
        scope = await _caller(socket, girih)
        after = await _after(socket)
        leaving = _leaving(socket, girih, scope, number := _id(run_id))
        await girih.runs.check_cursor(scope, number, after)
        streams: Streams = socket.app.state.streams
        place = await streams.place(Held.of(socket), required=True)
    except GirihError as fault:
        await _refuse(socket, fault)
        return
    await socket.accept(PROTOCOL if PROTOCOL in _offered(socket) else None)
    await _serve(socket, girih.runs.events(scope, number, after), leaving, place)


async def _caller(socket: WebSocket, girih: Girih) -> OrgScope:
    given = [value for value in socket.headers.getlist("authorization") if value.lower().startswith("bearer ")]
    keys = [value[7:].strip() for value in given] + [
        name.removeprefix(KEY) for name in _offered(socket) if name.startswith(KEY)
    ]
    if len(keys) != 1 or not keys[0]:
        raise Unauthorized(
            "no API key came with the request",
            help=f"send `Authorization: Bearer girih_…`, or offer the protocols `{PROTOCOL}` and `{KEY}girih_…`",
        )
    credential = Credential.of(keys[0], socket)
    scope = allow(await credential.speaks_for(girih), "runs:read")
    await girih.limits.take(scope)
    socket.state.held = Held(credential, scope)
    return scope


async def _after(socket: WebSocket) -> int:
    unknown = set(socket.query_params) - {"from", CANCEL}
    if unknown:
        taken = f"this address takes: {CANCEL}, from"
        raise InvalidInput(f"unknown query parameter '{min(unknown)[:100]}'", help=taken)
    return await resume_after(socket.headers.get("last-event-id"), socket.query_params.get("from"))


def _leaving(socket: WebSocket, girih: Girih, scope: OrgScope, run_id: UUID) -> OnLeave | None:
    """What is done when the client leaves. Raises `Forbidden` where it must not be."""
    said = socket.query_params.get(CANCEL, "false")
    if said not in ("true", "false"):
        raise InvalidInput(f"`{CANCEL}` is true or false, not '{said[:20]}'")
    if said == "false":
        return None
    allow(scope, "runs:cancel")
    return partial(girih.runs.cancel, scope, run_id)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound("there is no such run", help="list the project's runs to see which there are") from None


def _offered(socket: WebSocket) -> list[str]:
    return [name.strip() for name in socket.headers.get("sec-websocket-protocol", "").split(",") if name.strip()]


async def _refuse(socket: WebSocket, fault: GirihError) -> None:
    headers = {"www-authenticate": "Bearer"} if isinstance(fault, Unauthorized) else {}
    answer = problem(socket, status_of(fault), fault.code, fault.message, headers=headers, help=fault.help)
    await socket.send_denial_response(answer)


async def _serve(
    socket: WebSocket, events: AsyncIterator[RunEvent], leaving: OnLeave | None, place: Place | None
) -> None:
    """Send what comes until the run ends, the client leaves, or this process stops."""
    pump = asyncio.create_task(_pump(socket, events))
    watch = asyncio.create_task(_until_left(socket))
    streams: Streams = socket.app.state.streams
    streams.add(pump, Held.of(socket), place)
    try:
        await asyncio.wait({pump, watch}, return_when=asyncio.FIRST_COMPLETED)
        left, is_over = watch.done(), pump.done()
    finally:
        for task in (pump, watch):
            task.cancel()
        results = await asyncio.gather(pump, watch, return_exceptions=True)
        streams.remove(pump)
    if left and not is_over and leaving is not None:
        await leaving()
    if not left:
        with suppress(WebSocketDisconnect):  # it left just now
            await socket.close(_code(results[0]))


async def _pump(socket: WebSocket, events: AsyncIterator[RunEvent]) -> None:
    try:
        async for event in events:
            await socket.send_text(event.encoded(_text).decode())
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


def _text(event: RunEvent) -> bytes:
    return dump(event.as_dict()).encode()


async def _until_left(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


def _code(result: BaseException | None) -> int:
    if result is None:
        return ENDED
    if isinstance(result, asyncio.CancelledError | WebSocketDisconnect):
        return RESTARTING
    log.warning("stream ended early", error=type(result).__name__)
    return BROKEN
