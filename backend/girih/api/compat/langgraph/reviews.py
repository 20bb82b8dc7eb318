"""Calls of tools that a person has to allow, as LangChain's chat interfaces ask for them, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from girih.language.spec.tree import JsonObject, JsonValue

DECISIONS = ("approve", "edit", "reject")
_ALLOWS = {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": False}
_AGREE = frozenset({"approve", "accept"})
_DISAGREE = frozenset({"reject", "ignore", "response", "respond"})


def review_of(pause: Mapping[str, Any]) -> JsonObject:
    """What interfaces read of a call that has to be allowed, in the form of today and in the one before it."""
    details: Mapping[str, Any] = pause.get("details") or {}
    if pause["kind"] != "approve" or not isinstance(details.get("tool"), str):
        return {}
    name, arguments, said = details["tool"], details.get("arguments") or {}, pause.get("message") or ""
    return {
        "action_requests": [{"name": name, "args": arguments, "description": said}],
        "review_configs": [{"action_name": name, "allowed_decisions": list(DECISIONS)}],
        "action_request": {"action": name, "args": arguments},
        "config": _ALLOWS,
        "description": said,
    }


def answer_of(kind: str, given: JsonValue) -> JsonValue:
    """An answer as the run takes it; whatever is no decision of these interfaces stays as it is."""
    if kind != "approve":
        return given
    told = given.get("decisions") if isinstance(given, dict) else given
    decision = told[0] if isinstance(told, list) and len(told) == 1 else told
    if not isinstance(decision, dict) or "approved" in decision:
        return given
    found = decision.get("type")
    if found in _AGREE:
        return {"approved": True}
    if found == "edit" and (arguments := _edited(decision)) is not None:
        return {"approved": True, "arguments": arguments}
    if found in _DISAGREE:
        said = decision.get("message") or decision.get("args")
        return {"approved": False} | ({"reason": said} if isinstance(said, str) and said else {})
    return given


def _edited(decision: JsonObject) -> JsonObject | None:
    """The arguments that take the place of those the model wrote."""
    for name in ("edited_action", "editedAction", "args"):
        action = decision.get(name)
        if isinstance(action, dict) and isinstance(action.get("args"), dict):
            arguments: JsonObject = action["args"]
            return arguments
    return None
