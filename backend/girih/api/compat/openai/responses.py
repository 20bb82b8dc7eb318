"""`/responses`: made, read, streamed again, cancelled and deleted."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response

from girih.api.compat.openai.access import Asked, Canceller, DoorRoute, Follower, Runner
from girih.api.compat.openai.answers import Answers
from girih.api.compat.openai.fields import wrong
from girih.api.compat.openai.inputs import Inputs
from girih.api.compat.openai.response_request import ENCRYPTED, read_response
from girih.api.deps import Wired
from girih.api.repeats import HEADER
from girih.api.routers import Router
from girih.errors import NotFound
from girih.language.spec.tree import JsonObject

router = Router(prefix="/responses", route_class=DoorRoute)

Include = Annotated[list[str] | None, Query(alias="include[]")]


async def _after(
    stream: bool = False,
    starting_after: Annotated[int | None, Query(ge=0, le=10**9)] = None,
    include: Include = None,
    include_obfuscation: Literal[False] | None = None,
) -> int | None:
    """The number to stream after, -1 for all events; `None` where no stream is asked for."""
    del include_obfuscation
    _check_include(include)
    if stream:
        return -1 if starting_after is None else starting_after
    if starting_after is not None:
        raise wrong("starting_after", "this goes with `stream=true`")
    return None


def _check_include(include: list[str] | None) -> None:
    unknown = next((name for name in include or () if name != ENCRYPTED), None)
    if unknown is not None:
        raise wrong("include", f"'{unknown[:60]}' is not supported", "unsupported_parameter")


@router.post("", operation_id="openai_respond", response_class=Response)
async def respond(girih: Wired, scope: Runner, request: Request, body: Asked = None) -> Response:
    """Say something to an agent, and get its response: whole, as it comes, or later."""
    asked = read_response(await Inputs(girih, scope, request).with_items(body))
    if asked.stream and HEADER in request.headers:
        raise wrong(HEADER, "a stream cannot be repeated; follow it with GET /responses/{id}?stream=true")
    return await Answers(girih, scope, request).create(asked)


@router.post("/compact", operation_id="openai_compact")
async def compact(scope: Runner) -> None:
    """Not here: an agent's `history` says how much of a conversation its models see."""
    del scope
    raise NotFound("girih compacts no conversations", help="say with `history` how many messages a node shows")


@router.get("/{response_id}", operation_id="openai_response", response_class=Response)
async def get_response(
    girih: Wired, scope: Follower, request: Request, response_id: str, after: Annotated[int | None, Depends(_after)]
) -> Response:
    """A response as it stands, or its events behind the one with a number."""
    answers = Answers(girih, scope, request)
    return await (answers.show(response_id) if after is None else answers.stream(response_id, after))


@router.delete("/{response_id}", operation_id="openai_delete_response")
async def delete_response(girih: Wired, scope: Canceller, request: Request, response_id: str) -> JsonObject:
    """Remove a response with its run; one that is under way is stopped first."""
    return await Answers(girih, scope, request).delete(response_id)


@router.post("/{response_id}/cancel", operation_id="openai_cancel")
async def cancel_response(girih: Wired, scope: Canceller, request: Request, response_id: str) -> JsonObject:
    """Stop a response; one that has ended stays as it is."""
    return await Answers(girih, scope, request).cancel(response_id)


@router.get("/{response_id}/input_items", operation_id="openai_input_items")
async def list_input_items(
    girih: Wired,
    scope: Follower,
    request: Request,
    response_id: str,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
    include: Include = None,
) -> JsonObject:
    """What a response was asked with, the last first."""
    _check_include(include)
    return await Inputs(girih, scope, request).listed(response_id, after=after, limit=limit, order=order)
