"""What a caller sees of a fault: RFC 9457 problems with the sentence, the way out, and never a stack trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeAlias

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Scope

from girih import errors
from girih.api.rates import refusal_headers
from girih.language.spec.tree import JsonObject

MEDIA_TYPE = "application/problem+json"

Shape: TypeAlias = Callable[[int, JsonObject], tuple[int, JsonObject]]
"""What becomes of a problem behind a door of another project: its status and the problem → status and body there."""

Heads: TypeAlias = Callable[[Scope, JsonObject], Mapping[str, str]]
"""The headers that a door's clients look for in an error: the request and the error's body → headers."""

BEGAN = "began"
"""Under this name the request's state has the reading of `time.perf_counter` at which it came."""

RETRY_AFTER = "2"
"""Seconds after which a caller may try again when something girih depends on does not answer."""

STATUS: Mapping[type[errors.GirihError], int] = {
    errors.InvalidInput: 422,
    errors.BadCursor: 400,
    errors.QueueFull: 429,
    errors.RateLimited: 429,
    errors.TooManyAtOnce: 429,
    errors.BudgetExceeded: 429,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.PreconditionFailed: 412,
    errors.TooLarge: 413,
    errors.Unsupported: 415,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.Unavailable: 503,
    errors.LeaseLost: 409,
    errors.DocumentRejected: 422,
    errors.NodeError: 502,
}
_WORDS = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported"}
_NODE_STATUS = {"unavailable": 503, "rate_limit": 503, "timeout": 504}


class FieldProblem(BaseModel):
    """One field that was not accepted."""

    path: str = Field(description="Where it is, as `body.inputs.question`.")
    message: str
    type: str


class Problem(BaseModel):
    """An RFC 9457 problem (`application/problem+json`)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="What was wrong, in one sentence.")
    code: str = Field(description="The fault's name, for programs.")
    help: str | None = Field(default=None, description="What to do next.")
    error_id: str = Field(description="The request's id, as it stands in the server's log.")
    errors: list[FieldProblem] | None = Field(default=None, description="Each field that was not accepted.")
    diagnostics: list[dict[str, Any]] | None = Field(default=None, description="The compiler's findings.")
    details: dict[str, Any] | None = Field(default=None, description="More about the fault, for programs.")


class BodyTooLarge(HTTPException):
    """A request body over the route's limit, seen before or while it is read."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, f"the request is larger than the limit of {limit // 2**20} MB")


def request_id(scope: Scope) -> str:
    """The id of the request, as its answer's `x-request-id`, its problem and the log show it."""
    return str(scope.get("state", {}).get("request_id", ""))


def problem(
    request: HTTPConnection,
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem response; fields that are `None` are left out."""
    body: JsonObject = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    body |= {"code": code, "error_id": request_id(request.scope)}
    body |= {name: value for name, value in more.items() if value}
    door = _door_of(request)
    if door is not None:
        shape, heads = door
        status, body = shape(status, body)
        headers = {**(headers or {}), **heads(request.scope, body)}
        return Response(orjson.dumps(body, default=str), status, headers, "application/json")
    return Response(orjson.dumps(body, default=str), status, headers, MEDIA_TYPE)


def no_heads(scope: Scope, body: JsonObject) -> Mapping[str, str]:
    """Of a door whose clients look for nothing more."""
    del scope, body
    return {}


def shape_problems(app: FastAPI, prefix: str, shape: Shape, heads: Heads) -> None:
    """Let problems under a path be written as the clients of that door read them."""
    app.state.shapes[prefix] = shape, heads


def _door_of(request: HTTPConnection) -> tuple[Shape, Heads] | None:
    app = request.scope.get("app")
    shapes: Mapping[str, tuple[Shape, Heads]] = getattr(app.state, "shapes", {}) if app is not None else {}
    path = str(request.scope.get("path", ""))
    return next((shape for prefix, shape in shapes.items() if path.startswith(f"{prefix}/")), None)


def unexpected(request: Request) -> Response:
    """The answer to a fault nobody foresaw: an id to find it in the log by, and nothing else."""
    return problem(request, 500, "internal", "girih failed unexpectedly; the operator finds the cause by the error id")


def install(app: FastAPI) -> None:
    """Teach the app to answer every fault with a problem."""
    app.state.shapes = {}
    app.add_exception_handler(errors.GirihError, _girih_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)


def status_of(error: errors.GirihError) -> int:
    """The HTTP status that fits the fault."""
    if isinstance(error, errors.NodeError):
        return _NODE_STATUS.get(error.kind, 502)
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _girih_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, errors.GirihError):
        raise error
    status = status_of(error)
    if status == 500:
        raise error
    headers: dict[str, str] = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if status in (429, 503, 504) or isinstance(error, errors.ThreadBusy):
        headers["retry-after"] = str(error.details.get("retry_after", RETRY_AFTER))
    if isinstance(error, errors.RateLimited):
        headers |= refusal_headers(error)
    details = dict(error.details)
    diagnostics = details.pop("diagnostics", None)
    return problem(
        request,
        status,
        error.code,
        error.message,
        headers=headers,
        help=error.help,
        details=details,
        diagnostics=diagnostics,
    )


def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = [_field(item) for item in error.errors()]
    first = f"{found[0]['path']}: {found[0]['message']}" if found else "the request does not fit its schema"
    return problem(request, 422, "invalid_input", first, errors=found)


_SENTENCES: Mapping[str, str] = {
    "extra_forbidden": "there is no such field",
    "missing": "is missing",
    "uuid_parsing": "is not an id, which looks like 01a1fdcd-1472-7591-ba71-115e3d690001",
    "model_attributes_type": "must be a JSON object, sent as application/json",
    "string_type": "must be text",
    "json_invalid": "is not JSON",
}
"""What is wrong with a field, where the library's own words speak of its insides."""


def _field(item: Mapping[str, Any]) -> dict[str, str]:
    where, message = item["loc"], _SENTENCES.get(item["type"], item["msg"])
    if item["type"] == "json_invalid" and len(where) > 1:
        where, message = where[:1], f"{message}, from character {where[1]} on"
    return {"path": ".".join(str(part) for part in where), "message": message, "type": item["type"]}


def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    detail = str(error.detail)
    if error.status_code == 404:
        detail = "there is nothing at this address"
    elif error.status_code == 405:
        detail = f"{request.method} is not possible here"
    code = _WORDS.get(error.status_code, "invalid_input")
    return problem(request, error.status_code, code, detail, headers=error.headers)
