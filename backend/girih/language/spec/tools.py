"""`tool/v1`: a call with a typed contract, and how it is made: over HTTP, to an MCP server, or by a plug-in."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from girih.language.spec.durations import Duration
from girih.language.spec.model import Name, Slug, Strict, TypeSpec
from girih.language.spec.outward import BAD_URL, SecretRef, is_public_url
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue
from girih.language.spec.types import object_schema

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=100)]
HeaderText = Annotated[str, Field(pattern=r"^[\x20-\x7e]+$", max_length=1000)]
WireName = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(max_length=2000)]

BINDINGS = ("http", "openapi", "mcp", "python")
"""The ways a tool can be called; each tool has one."""


class Auth(Strict):
    """The secret that goes with each call: a token in the `Authorization` header, or a header of its own."""

    bearer: SecretRef | None = None
    header: HeaderName | None = None
    value: SecretRef | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        has_header = self.header is not None and self.value is not None
        if has_header is (self.bearer is not None) or (self.header is None) != (self.value is None):
            raise PydanticCustomError("auth", "needs either 'bearer', or 'header' and 'value'")
        return self


class Reached(Strict):
    """Where a service is: an `endpoint`, a name that the operator has bound to a URL, or a public `url`."""

    endpoint: Slug | None = None
    url: Url | None = None
    auth: Auth | None = None

    @model_validator(mode="after")
    def _one_base(self) -> Self:
        if (self.endpoint is None) == (self.url is None):
            raise PydanticCustomError("one_base", "needs either 'endpoint' or 'url', and not both")
        if self.url is not None and not is_public_url(self.url):
            raise PydanticCustomError("bad_url", BAD_URL)
        return self


class Sent(Strict):
    """How one parameter is sent: `in` the query, a header, a field of the JSON body, or as the whole `body`.

    `as` is the service's own name for it. A list in the query is sent as one pair for each item (`repeat`), as texts
    between commas (`comma`) or as JSON (`json`).
    """

    in_: Literal["query", "header", "field", "body"] | None = Field(default=None, alias="in")
    as_: WireName | None = Field(default=None, alias="as")
    lists: Literal["repeat", "comma", "json"] | None = None


class HttpBinding(Reached):
    """How a tool is called over HTTP.

    The base URL is either an `endpoint`, a name that the operator has bound to a URL, or a public `url`. `{name}` in
    `path` takes a parameter; the others go into the query (GET, DELETE) or into a JSON body, unless `send` says of one
    how it is sent. `headers` go along as they are. `auth` is `{ bearer: secret://NAME }` or
    `{ header: X-Api-Key, value: secret://NAME }`: a secret that the operator has set, sent with each call and seen by
    nobody else. `answer` names the field of the result that takes the whole answer, for services that answer with a
    list or a plain value; `reads` gives the service's own names of fields of the result.
    """

    method: Method = "GET"
    path: Annotated[str, Field(max_length=2000)] = "/"
    headers: dict[HeaderName, HeaderText] | None = None
    send: dict[Name, Sent] | None = None
    answer: Name | None = None
    reads: dict[Name, WireName] | None = None

    @model_validator(mode="after")
    def _sound_path(self) -> Self:
        if not self.path.startswith("/") or "?" in self.path or "#" in self.path:
            raise PydanticCustomError("bad_path", "'path' must begin with '/', without query or fragment")
        return self


class OpenApiBinding(Reached):
    """An operation of a service that describes itself in an OpenAPI document (3.0 or 3.1) of the workspace.

    `operation` is its `operationId`, or its method and path as `GET /pets/{petId}`. Parameters, the result and the
    request come from the `document`, which is read when the tool is published and never fetched.
    """

    document: Annotated[str, Field(min_length=1, max_length=300)]
    operation: Annotated[str, Field(min_length=1, max_length=300)]
    headers: dict[HeaderName, HeaderText] | None = None


class McpBinding(Reached):
    """A tool of an MCP server over HTTP.

    `endpoint` or `url` is the server's own address. `pin` is the hash of the tool's description there as somebody has
    seen it: a tool that has changed since is not called. `girih tools import` and `girih tools pin` write it. `send`
    and `reads` give the server's own names of parameters and of fields of the result.
    """

    tool: WireName
    pin: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    send: dict[Name, WireName] | None = None
    answer: Name | None = None
    reads: dict[Name, WireName] | None = None


class PythonBinding(Strict):
    """A function of a Python package that the operator has installed, by its name in the group `girih.tools`."""

    plugin: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=100)]


class ToolRetry(Strict):
    """How a call that failed and may succeed later is made again: at most `max` more times, after `wait` seconds.

    The wait doubles up to `longest`; a service that says when to ask again is kept to.
    """

    max: Annotated[int, Field(ge=1, le=10)] = 2
    wait: Duration = 0.5
    longest: Duration = 30.0


_Times = Annotated[int, Field(ge=1, le=10)]


def _as_retry(value: Any) -> Any:
    return {"max": value} if isinstance(value, int | float | str) else value


RetryField = Annotated[ToolRetry | None, BeforeValidator(_as_retry, json_schema_input_type=_Times | ToolRetry | None)]
"""How an author writes a retry: `2`, or `{ max: 2, … }`."""


_ONE_BINDING: list[JsonValue] = [
    {"required": ["openapi"]},
    *({"required": [name, "description"]} for name in BINDINGS if name != "openapi"),
]


class ToolDocument(Strict):
    """A tool: a call with a typed contract.

    One of `http`, `openapi`, `mcp` and `python` says how it is called. `parameters` and `returns` are fields with
    types; those of an `openapi` tool come from its document. `idempotent: true` says that calling it twice does no more
    than calling it once. `timeout` bounds each call, `rate` the calls a minute of a project; `retry` repeats calls of
    an idempotent tool; `approval` is `never`, `always`, or a condition over `args` under which a person is asked.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_BINDING})

    kind: Literal["tool/v1"]
    name: Slug
    title: str | None = None
    description: Annotated[str, Field(min_length=1)] | None = None
    http: HttpBinding | None = None
    openapi: OpenApiBinding | None = None
    mcp: McpBinding | None = None
    python: PythonBinding | None = None
    parameters: dict[Name, TypeSpec] = Field(default_factory=dict)
    returns: dict[Name, TypeSpec] = Field(default_factory=dict)
    idempotent: bool = False
    timeout: Duration | None = None
    retry: RetryField = None
    rate: Annotated[int, Field(ge=1, le=100_000)] | None = None
    approval: Annotated[str, Field(min_length=1, max_length=2000)] | None = None

    @property
    def binding(self) -> str | None:
        """Which of `BINDINGS` the author wrote, if it is one alone."""
        written = [name for name in BINDINGS if getattr(self, name) is not None]
        return written[0] if len(written) == 1 else None


def tool_schemas(document: JsonObject) -> tuple[JsonSchema, JsonSchema]:
    """The JSON Schemas of a tool document's parameters and of its result."""
    return object_schema(document.get("parameters", {})), object_schema(document.get("returns", {}))
