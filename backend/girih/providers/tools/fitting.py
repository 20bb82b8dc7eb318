"""What goes into a tool and comes out of it, held against its contract."""

from __future__ import annotations

from typing import Any

from girih.errors import NodeError, RunErrorKind
from girih.language.spec import conform
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue


def checked_arguments(contract: JsonObject, arguments: JsonObject) -> JsonObject:
    """The arguments with the defaults of those that were left out.

    Raises `NodeError` (`invalid_output`) for arguments that do not fit: they never will.
    """
    name, parameters = contract["name"], tool_schemas(contract)[0]
    _require(parameters, arguments, "invalid_output", f"the arguments for tool '{name}' do not fit")
    known = parameters["properties"]
    missing = {key: known[key]["default"] for key in known if "default" in known[key] and key not in arguments}
    return {**arguments, **missing}


def typed_result(contract: JsonObject, binding: JsonObject, answer: JsonValue) -> JsonObject:
    """The answer as the result that `returns` declares, without what it does not. Raises `NodeError` (`tool_error`).

    `answer` of the binding takes the whole of it as one field; `reads` says which fields bear other names there.
    """
    returns = tool_schemas(contract)[1]
    if "answer" in binding:
        answer = {binding["answer"]: answer}
    elif isinstance(answer, dict) and binding.get("reads"):
        wire = binding["reads"]
        answer = {name: answer[source] for name in returns["properties"] if (source := wire.get(name, name)) in answer}
    result = conform.settled(_declared(returns, answer), returns)
    name = contract["name"]
    _require(returns, result, "tool_error", f"tool '{name}' answered something else than it declares")
    return dict(result)


def _declared(schema: JsonSchema, value: JsonValue) -> JsonValue:
    """The value without what a closed object of the schema does not declare."""
    if isinstance(value, dict) and schema.get("additionalProperties") is False:
        known = schema.get("properties", {})
        return {key: _declared(known[key], item) for key, item in value.items() if key in known}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_declared(schema["items"], item) for item in value]
    return value


def _require(schema: JsonSchema, value: JsonValue, kind: RunErrorKind, message: str) -> None:
    if faults := conform.contract(schema).misfits(value):
        details: dict[str, Any] = {"faults": [fault.as_dict() for fault in faults]}
        can_pass = kind != "invalid_output"  # the same arguments never fit
        raise NodeError(kind, f"{message}: {'; '.join(map(str, faults[:3]))}", can_pass=can_pass, **details)
