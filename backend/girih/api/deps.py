"""Who may call a route: each one declares a permission or that it is public, and the app does not start otherwise."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterator
from functools import cache
from typing import Annotated, Any

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute, iter_route_contexts
from starlette.types import Message

from girih.api import repeats
from girih.api.credentials import Credential, Held
from girih.api.errors import BodyTooLarge
from girih.api.open_streams import Streams
from girih.api.sse import EventStream
from girih.db.tenancy import OrgScope
from girih.errors import Forbidden, InvalidInput, TooManyAtOnce, Unauthorized, Unsupported
from girih.services.identity.tokens import Holder, is_token
from girih.wiring.server import Girih

PUBLIC = "public"
"""What a route declares that everybody may call."""

ACCOUNT = "account"
"""What a route declares that is about the person who calls, in no organization."""

JSON_LIMIT = 5 * 1024 * 1024
"""The largest request body, in bytes, where a route does not set its own."""

_DECLARED: dict[Callable[..., Any], str] = {}
_SIGN_IN = "send `Authorization: Bearer girih_…` with an API key; `girih dev` prints one for its own server"


async def wired(request: Request) -> Girih:
    """The services of this process."""
    girih: Girih = request.app.state.girih
    return girih


Wired = Annotated[Girih, Depends(wired)]


@cache
def requires(permission: str) -> Any:
    """The dependency that lets only keys with `permission` pass, and gives the route the caller's `OrgScope`."""

    async def authorize(request: Request) -> OrgScope:
        return allow(await _caller(request), permission)

    _DECLARED[authorize] = permission
    return Depends(authorize)


async def _signed_in(request: Request) -> Holder:
    return await _holder(request)


_DECLARED[_signed_in] = ACCOUNT
Person = Annotated[Holder, Depends(_signed_in)]
"""The person who calls, by an access token: API keys are nobody's."""


def require(scope: OrgScope, permission: str) -> None:
    """Raise `Forbidden` unless the caller has the permission."""
    if permission not in scope.permissions:
        raise _lacking(scope, permission)


def _lacking(scope: OrgScope, permission: str) -> Forbidden:
    if scope.actor.startswith("user:"):
        way_out = "ask an owner of the organization for a role that has it"
        return Forbidden(f"your role here lacks the permission {permission}", help=way_out)
    return Forbidden(f"this key lacks the permission {permission}", help="use a key that has it")


async def _everybody() -> None:
    """Nothing is asked of the caller."""


_DECLARED[_everybody] = PUBLIC
public = Depends(_everybody)
"""The dependency that declares a route public."""


def asked_for_inside(permission: str) -> Any:
    """The dependency of a WebSocket, which asks for the permission itself: before it accepts there is no answer."""

    async def nothing_yet() -> None:
        """What is asked of the caller is asked inside."""

    _DECLARED[nothing_yet] = permission
    return Depends(nothing_yet)


def allow(scope: OrgScope, permission: str) -> OrgScope:
    """The scope, if it has the permission. Raises `Forbidden`."""
    require(scope, permission)
    return scope


def declared(dependant: Dependant) -> str | None:
    """The permission a route declares, `PUBLIC`, or `None` where its author forgot."""
    found = (_DECLARED.get(part.call) for part in dependant.dependencies if part.call is not None)
    return next((permission for permission in found if permission), None)


class StrictRequest(Request):
    """A request whose JSON is JSON: no NaN, no halves of characters, no nesting without end."""

    async def json(self) -> Any:
        """The decoded body."""
        return orjson.loads(await self.body())


class GuardedRoute(APIRoute):
    """A route that asks who calls before it reads a byte of the body, and reads no more than its limit."""

    any_parameters = False
    """Whether it takes whatever stands behind the question mark, since it answers all the same."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()
        permission = declared(self.dependant)
        secret = permission not in (PUBLIC, ACCOUNT)
        parameters = frozenset(_parameters(self.dependant))

        async def handle(request: Request) -> Response:
            if permission == ACCOUNT:
                await _holder(request)
            elif secret:
                scope = await _caller(request)
                request.state.rate = await request.app.state.girih.limits.take(scope)
            unknown = sorted(set(request.query_params) - parameters)
            if unknown and not self.any_parameters:
                raise _unknown_parameter(unknown[0], parameters)
            _require_plain(request)
            incoming = limited(request, self.limit(request))
            return await placed(request, await given(request, incoming))

        async def given(request: Request, incoming: Request) -> Response:
            key = repeats.key_of(request, self.operation_id or "") if secret else None
            if key is None:
                return await answer(incoming)
            scope = await _caller(request)
            # The answer may be one that was given before, to somebody who was allowed to ask.
            require(scope, permission or "")
            services = request.app.state.girih.requests
            return await repeats.once(services, scope, incoming, self.operation_id or "", key, lambda: answer(incoming))

        return handle

    def limit(self, request: Request) -> int:  # noqa: ARG002 - uploads ask the app for theirs
        """The most bytes a request may carry here."""
        return JSON_LIMIT


async def placed(request: Request, answer: Response) -> Response:
    """The answer; where it is a stream, with a place among those that its caller may have open at once."""
    if isinstance(answer, EventStream):
        streams: Streams = request.app.state.streams
        try:
            answer.place = await streams.place(Held.of(request), required=request.method == "GET")
        except TooManyAtOnce:
            answer.discard()
            raise
    return answer


def _parameters(dependant: Dependant) -> Iterator[str]:
    """The names of all query parameters of a route and its dependencies."""
    yield from (field.alias for field in dependant.query_params)
    for part in dependant.dependencies:
        yield from _parameters(part)


def _unknown_parameter(name: str, known: Collection[str]) -> InvalidInput:
    taken = f"this address takes: {', '.join(sorted(known))}" if known else "this address takes no parameters"
    return InvalidInput(f"unknown query parameter '{name}'", help=taken)


def _require_plain(request: Request) -> None:
    """Refuse a body that is compressed: nobody knows how large it is before it is too late."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Unsupported("bodies are taken as they are, not compressed", help="leave out `Content-Encoding`")


def limited(request: Request, limit: int) -> Request:
    """The request with a body of at most `limit` bytes: refused by its announced length, else while it is read."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise BodyTooLarge(limit)
    receive = request.receive
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise BodyTooLarge(limit)
        return message

    return StrictRequest(request.scope, counted)


def check_permissions(app: FastAPI) -> None:
    """Refuse to start with a route that declares neither a permission nor that it is public."""
    forgotten = [path for path, permission in declarations(app) if permission is None]
    if forgotten:
        raise RuntimeError(f"routes without a declared permission: {', '.join(sorted(forgotten))}")


def declarations(app: FastAPI) -> Iterator[tuple[str, str | None]]:
    """Each route with what it declares, as (`GET /v1/agents`, `agents:read`)."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        methods = ",".join(sorted(getattr(context, "methods", None) or ()))
        path = f"{methods} {getattr(context, 'path', None) or type(route).__name__}"
        yield path, declared(route.dependant) if isinstance(route, GuardedRoute | APIWebSocketRoute) else None


async def _caller(request: Request) -> OrgScope:
    """Whom the request's key or access token speaks for; asked once per request."""
    known = Held.of(request)
    if known is None:
        credential = Credential.of(_shown(request), request)
        known = Held(credential, await credential.speaks_for(request.app.state.girih))
        request.state.held, request.state.caller = known, known.scope
    return known.scope


async def _holder(request: Request) -> Holder:
    """The person the request's access token names; asked once per request."""
    known: Holder | None = getattr(request.state, "holder", None)
    if known is None:
        shown = _shown(request)
        if not is_token(shown):
            raise Unauthorized("this is about a person, and an API key is nobody's", help="sign in, and send the token")
        known = await request.app.state.girih.people.accounts.holder(shown)
        request.state.holder = known
    return known


def _shown(request: Request) -> str:
    """The key or token that came with the request."""
    given = request.headers.getlist("authorization")
    if not given and len(plain := request.headers.getlist("x-api-key")) == 1 and plain[0].strip():
        return plain[0].strip()  # as the clients of some other projects send it
    scheme, _, key = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized("no API key came with the request", help=_SIGN_IN)
    return key.strip()
