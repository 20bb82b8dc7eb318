"""An operation of an OpenAPI document → the contract of an `http:` tool, or why it cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from girih.language.openapi.document import Description, OpenApiFault, Operation
from girih.language.spec.foreign import (
    Foreign,
    ForeignError,
    as_type,
    is_object,
    name_of,
    result_of,
)
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path

_TOOL_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = re.compile(r"application/(json|[A-Za-z0-9.+-]+\+json)\s*(;.*)?\Z", re.IGNORECASE)
_NEVER_SENT = frozenset({"accept", "authorization", "content-type"})
"""Header parameters that OpenAPI itself says to ignore."""
_IN_PATH = re.compile(r"\{([^{}]+)\}")
_SUCCESS = re.compile(r"2(\d\d|XX)\Z")


@dataclass
class HttpContract:
    """What an `http:` tool needs to know of an operation."""

    method: str
    path: str
    description: str
    parameters: dict[str, JsonValue] = field(default_factory=dict)
    send: dict[str, JsonObject] = field(default_factory=dict)
    returns: dict[str, JsonValue] = field(default_factory=dict)
    answer: str | None = None
    reads: dict[str, str] = field(default_factory=dict)

    def take(self, wire: str, type_: JsonValue, sent: JsonObject) -> str:
        """Add a parameter under a name that is free; says which."""
        name = name_of(wire, self.parameters)
        self.parameters[name] = type_
        self.send[name] = {**sent, **({"as": wire} if wire != name else {})}
        return name


def contract_of(description: Description, operation: Operation) -> HttpContract:
    """The contract. Raises `OpenApiFault` for an operation that no JSON tool can make."""
    if operation.method not in _TOOL_METHODS:
        raise OpenApiFault(f"a tool cannot send {operation.method.upper()}", at=operation.at)
    made = HttpContract(operation.method.upper(), operation.path, _said(operation))
    foreign = description.foreign
    try:
        _parameters(description, operation, foreign, made)
        _body(description, operation, foreign, made)
        _answer(description, operation, foreign, made)
    except ForeignError as fault:
        raise OpenApiFault(f"'{_named(operation)}' cannot be typed: {fault}", at=operation.at) from fault
    return made


def _named(operation: Operation) -> str:
    written = operation.value.get("operationId")
    return written if isinstance(written, str) else f"{operation.method.upper()} {operation.path}"


def _said(operation: Operation) -> str:
    texts = (operation.value.get("summary"), operation.value.get("description"), _named(operation))
    return next(text.strip() for text in texts if isinstance(text, str) and text.strip())[:1000]


def _parameters(description: Description, operation: Operation, foreign: Foreign, made: HttpContract) -> None:
    in_path: dict[str, str] = {}
    for wire, where, parameter, at in _all_parameters(description, operation):
        required = parameter.get("required") is True or where == "path"
        sent = _sent(wire, where, parameter, at, required=required)
        if sent is None:
            continue
        schema, is_json = _schema_of(parameter, foreign)
        if isinstance(parameter.get("description"), str):
            schema = {"description": parameter["description"][:1000], **schema}
        if is_json:
            sent["lists"] = "json"
        type_ = as_type(schema, required=required)
        if where == "path":
            in_path[wire] = name_of(wire, made.parameters)
            made.parameters[in_path[wire]] = type_
        else:
            made.take(wire, type_, sent)
    for wire in _IN_PATH.findall(operation.path):
        if wire not in in_path:
            message = f"the path takes '{wire}', which the document does not declare"
            raise OpenApiFault(message, "add it under 'parameters:' there", operation.at)
    made.path = _IN_PATH.sub(lambda found: "{" + in_path[found[1]] + "}", operation.path)


def _all_parameters(description: Description, operation: Operation) -> Iterator[tuple[str, str, JsonObject, Path]]:
    """Each parameter once, by name and place; those of the operation take the place of the path's own."""
    own = operation.value.get("parameters")
    found: dict[tuple[str, str], tuple[str, str, JsonObject, Path]] = {}
    for at, values in ((operation.at[:-1], operation.shared), (operation.at, own if isinstance(own, list) else ())):
        for index, value in enumerate(values):
            place: Path = (*at, "parameters", index)
            parameter = description.followed(value, place)
            wire, where = str(parameter.get("name")), str(parameter.get("in"))
            if not (where == "header" and wire.lower() in _NEVER_SENT):
                found[wire, where] = (wire, where, parameter, place)
    yield from found.values()


def _sent(wire: str, where: str, parameter: JsonObject, at: Path, *, required: bool) -> JsonObject | None:
    """How a parameter is sent; `None` for one that can be left out because we cannot send it."""
    style = parameter.get("style") or ("form" if where in ("query", "cookie") else "simple")
    is_known = (where, style) in (("path", "simple"), ("query", "form"), ("header", "simple"))
    if not is_known:
        if not required:
            return None
        what = "a cookie" if where == "cookie" else f"'{where}' in the style '{style}'"
        raise OpenApiFault(f"the parameter '{wire}' is sent as {what}, which a tool cannot do", at=at)
    if where == "query":
        return {"in": "query", **({"lists": "comma"} if parameter.get("explode") is False else {})}
    return {"in": where}


def _schema_of(parameter: JsonObject, foreign: Foreign) -> tuple[JsonSchema, bool]:
    """A parameter's schema, and whether it is sent as JSON."""
    content = parameter.get("content")
    if isinstance(content, dict):
        return foreign.plain((_json_media(content) or {}).get("schema", {})), True
    return foreign.plain(parameter.get("schema", {})), False


def _body(description: Description, operation: Operation, foreign: Foreign, made: HttpContract) -> None:
    at: Path = (*operation.at, "requestBody")
    if "requestBody" not in operation.value:
        return
    body = description.followed(operation.value["requestBody"], at)
    media = _json_media(body.get("content"))
    if media is None:
        if body.get("required") is not True:
            return
        sent = ", ".join(map(str, body.get("content") or ())) or "nothing"
        message = f"'{_named(operation)}' takes {sent}, and a tool sends JSON alone"
        raise OpenApiFault(message, "call it from a Python plug-in", at)
    whole = foreign.plain(media.get("schema", {}))
    if not is_object(whole):
        made.take("body", as_type(whole, required=body.get("required") is True), {"in": "body"})
        return
    required = whole.get("required") or () if body.get("required") is True else ()
    for wire, schema in whole["properties"].items():
        if schema.get("readOnly") is not True:
            made.take(wire, as_type(schema, required=wire in required), {"in": "field"})


def _answer(description: Description, operation: Operation, foreign: Foreign, made: HttpContract) -> None:
    responses = operation.value.get("responses")
    known: Mapping[str, JsonValue] = responses if isinstance(responses, dict) else {}
    statuses = sorted(status for status in known if _SUCCESS.match(str(status))) or ["default"]
    contents = []
    for status in statuses:
        if status in known:
            at: Path = (*operation.at, "responses", status)
            response = description.followed(known[status], at)
            contents.append((response.get("content"), at))
    for content, _ in contents:
        media = _json_media(content)
        if media is not None:
            result = result_of(foreign.plain(media.get("schema", {})))
            made.returns, made.reads = dict(result.fields.types), dict(result.fields.wire)
            made.answer = result.answer
            return
    for content, at in contents:
        if content:
            message = f"'{_named(operation)}' answers {', '.join(map(str, content))}, and a tool reads JSON alone"
            raise OpenApiFault(message, "call it from a Python plug-in", at)


def _json_media(content: JsonValue) -> JsonObject | None:
    """The JSON form of a body."""
    for name, value in content.items() if isinstance(content, dict) else ():
        if _JSON.match(str(name)) or str(name) == "*/*":
            return value if isinstance(value, dict) else {}
    return None
