"""POST requests with an idempotency key: repeated, they give the first answer and do nothing again."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from fastapi import Request, Response

from girih.db.tenancy import OrgScope
from girih.errors import Conflict, InvalidInput
from girih.language.spec.tree import JsonObject
from girih.services.requests.service import Answer, RequestService

HEADER = "Idempotency-Key"
PARAMETER: JsonObject = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "The same key, address and body within 24 hours give the same answer, and are done once.",
}
"""The header, as the description of each operation that takes it shows it."""

BY_THEMSELVES = frozenset(
    {
        "create_run",
        "stream_run",
        "create_runs",
        "run_and_wait",
        "create_thread_run",
        "upload_document",
        "upload_documents",
        "openai_chat",
        "ai_sdk_chat",
        "ag_ui_run",
        "langgraph_create_run",
        "langgraph_stream_run",
        "langgraph_wait_run",
        "langgraph_create_run_alone",
        "langgraph_stream_run_alone",
        "langgraph_wait_run_alone",
    }
)
"""Operations that see to it by themselves: runs keep the key in their own row, a document is known by its content."""

SHOWN_ONCE = frozenset({"create_key", "create_service_account_key"})
"""Operations whose answer is a secret: it is not kept, and a repeated request is told so."""

_KEPT = ("content-type", "location")


def key_of(request: Request, operation: str) -> str | None:
    """The key of a request whose repetition is seen to here."""
    if request.method != "POST" or operation in BY_THEMSELVES:
        return None
    given = request.headers.getlist(HEADER)
    if len(given) > 1:
        raise InvalidInput(f"send one {HEADER}, not {len(given)}")
    return given[0] if given else None


async def once(
    requests: RequestService,
    scope: OrgScope,
    request: Request,
    operation: str,
    key: str,
    work: Callable[[], Awaitable[Response]],
) -> Response:
    """The answer to the request, from `work` or from the time before."""
    made: list[Response] = []

    async def do() -> Answer:
        response = await work()
        made.append(response)
        headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
        return Answer(response.status_code, headers, b"" if operation in SHOWN_ONCE else bytes(response.body))

    where = f"POST {request.url.path}?{request.url.query}".removesuffix("?")
    # What was answered to one who sees every agent is no answer for one who does not.
    body = hashlib.sha256(scope.agents_pattern.encode() + await request.body()).hexdigest()
    answer = await requests.once(scope, key, where, body, do)
    if made:
        return made[0]
    if operation in SHOWN_ONCE:
        raise Conflict(
            "this request was done already, and its answer is shown only once",
            help="look at what it made in the list, and make a new one with a new idempotency key",
        )
    return Response(answer.body, answer.status, dict(answer.headers))
