"""The names an expression may speak besides `inputs`, the nodes and what branches bind: `state`, `run`, `errors`."""

from __future__ import annotations

from collections.abc import Callable

from girih.language.nodes.base import object_of
from girih.language.spec.model import AgentGraph
from girih.language.spec.policies import ERROR_KINDS
from girih.language.spec.tree import JsonSchema

INPUTS = "inputs"
STATE = "state"
RUN = "run"
ERRORS = "errors"

_TEXT: JsonSchema = {"type": "string"}

RUN_SCHEMA = object_of(
    {"id": _TEXT, "started_at": _TEXT, "attempt": {"type": "integer"}, "user": _TEXT}, optional=("user",)
)
"""The type of `run`."""

ERROR_SCHEMA = object_of({"kind": {"enum": list(ERROR_KINDS)}, "message": _TEXT})
"""The type of `errors.NODE`."""

IMAGE_SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {"url": _TEXT, "detail": {"enum": ["auto", "low", "high"]}},
    "required": ["url"],
}
MESSAGES = "messages"
MESSAGES_SCHEMA: JsonSchema = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "id": _TEXT,
            "role": {"enum": ["user", "assistant", "system", "tool"]},
            "content": _TEXT,
            "images": {"type": "array", "items": IMAGE_SCHEMA},
        },
        "required": ["id", "role", "content"],
    },
}
"""The type of `state.messages`, which a graph with `chat:` has."""


def visits_schema(graph: AgentGraph) -> JsonSchema:
    """The type of what `visits('node')` looks into."""
    return object_of({name: {"type": "integer"} for name in graph.nodes})


def state_schema(graph: AgentGraph, is_written: Callable[[str], bool] = lambda _: False) -> JsonSchema | None:
    """The type of `state`; `None` in a graph that has none. What has no value before it is written is optional."""
    schemas = {name: value.schema for name, value in graph.state.items()}
    if graph.head.chat is not None:
        schemas[MESSAGES] = MESSAGES_SCHEMA
    if not schemas:
        return None
    unset = [name for name, value in graph.state.items() if value.default is None and not is_written(name)]
    return object_of(schemas, optional=unset)


def errors_schema(graph: AgentGraph, has_failed: Callable[[str], bool]) -> JsonSchema | None:
    """The type of `errors`; `None` in a graph without `on_error`. `has_failed` says whose failure is certain."""
    names = [node.name for node in graph.nodes.values() if node.raw.get("on_error") is not None]
    if not names:
        return None
    return object_of(dict.fromkeys(names, ERROR_SCHEMA), optional=[name for name in names if not has_failed(name)])
