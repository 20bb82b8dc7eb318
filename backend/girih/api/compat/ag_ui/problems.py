"""How AG-UI clients read what went wrong before a run began: they show the body of the answer."""

from __future__ import annotations

from girih.language.spec.tree import JsonObject, JsonValue

_KEPT = ("code", "help", "error_id", "errors")

_NAMES = {
    "client.instructions": "context",
    "client.tool_choice": "forwardedProps.toolChoice",
    "client.params": "forwardedProps.params",
    "client.": "",
}


def shape(status: int, problem: JsonObject) -> tuple[int, JsonObject]:
    """The problem as `{"message": …}`, the sentence first."""
    told = {name: _own(problem[name]) for name in _KEPT if name in problem}
    return status, {"message": _own(problem["detail"]), **told}


def _own(said: JsonValue) -> JsonValue:
    """What is said, with the names that fields have here."""
    if isinstance(said, str):
        for name, own in _NAMES.items():
            said = said.replace(f"`{name}", f"`{own}")
    return said
