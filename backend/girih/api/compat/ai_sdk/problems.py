"""How the AI SDK's clients read what went wrong: the body's text becomes the error's message."""

from __future__ import annotations

from girih.language.spec.tree import JsonObject, JsonValue

_KEPT = ("code", "help", "error_id", "errors")

_NAMES = {"client.tool_choice": "toolChoice", "client.": ""}


def shape(status: int, problem: JsonObject) -> tuple[int, JsonObject]:
    """The problem as `{"error": …}`, the sentence first."""
    told = {name: _own(problem[name]) for name in _KEPT if name in problem}
    return status, {"error": _own(problem["detail"]), **told}


def _own(said: JsonValue) -> JsonValue:
    """What is said, with the names that fields have here."""
    if isinstance(said, str):
        for name, own in _NAMES.items():
            said = said.replace(f"`{name}", f"`{own}")
    return said
