"""What an MCP server says of a tool → the contract of our `tool/v1`, and the pin that names exactly what was said."""

from __future__ import annotations

from dataclasses import dataclass, field

from girih.language.spec.canonical import digest_of
from girih.language.spec.foreign import Foreign, fields_of, result_of
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

_PINNED = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
TEXT = "text"
"""The field of the result of a tool that declares none: all texts it gives."""


def pin_of(listed: JsonObject) -> str:
    """The pin of a tool as the server lists it: of all that a model or an author is told of it."""
    return digest_of({key: listed[key] for key in _PINNED if listed.get(key) is not None})


@dataclass(frozen=True)
class McpContract:
    """A listed tool in our terms; `send` and `reads` are the server's names where they differ from ours."""

    tool: str
    pin: str
    description: str
    parameters: dict[str, JsonValue] = field(default_factory=dict)
    returns: dict[str, JsonValue] = field(default_factory=dict)
    send: dict[str, str] = field(default_factory=dict)
    reads: dict[str, str] = field(default_factory=dict)
    answer: str | None = None
    idempotent: bool = False


def contract_of(listed: JsonObject) -> McpContract:
    """The contract of a listed tool. Raises `ForeignError` for schemas that cannot be types."""
    taken = fields_of(_plain(listed.get("inputSchema")))
    name = str(listed.get("name"))
    text = listed.get("description") or listed.get("title") or name
    annotations = listed.get("annotations")
    hints = annotations if isinstance(annotations, dict) else {}
    returns, reads, answer = _result(listed.get("outputSchema"))
    return McpContract(
        name,
        pin_of(listed),
        str(text).strip()[:4000] or name,
        dict(taken.types),
        returns,
        dict(taken.wire),
        reads,
        answer,
        hints.get("idempotentHint") is True or hints.get("readOnlyHint") is True,
    )


def _result(schema: JsonValue) -> tuple[dict[str, JsonValue], dict[str, str], str | None]:
    """The fields of the result, their names there, and the one that takes all of it.

    That is all texts where nothing is declared, and else an object whose fields have no names.
    """
    if not isinstance(schema, dict):
        return {TEXT: "string"}, {}, TEXT
    result = result_of(_plain(schema))
    return dict(result.fields.types), dict(result.fields.wire), result.answer


def _plain(schema: JsonValue) -> JsonSchema:
    return Foreign(schema).plain(schema) if isinstance(schema, dict) else {}
