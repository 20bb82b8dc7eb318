"""What a run waits for, as LangGraph's clients read interrupts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from girih.api.compat.langgraph.reviews import review_of
from girih.language.spec.tree import JsonObject

INTERRUPT = "__interrupt__"
"""The name under which values and updates hold what a run waits for."""
_SHOWN = ("kind", "node", "message", "schema", "details", "expires_at")
_QUESTIONS = frozenset({"ask", "approve", "tool"})
_FOR_CLIENTS = _QUESTIONS | {"breakpoint"}


def is_for_clients(pauses: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a client can let the run go on: what waits for a time or an event goes on by itself."""
    return any(pause["kind"] in _FOR_CLIENTS for pause in pauses)


def interrupts_of(pauses: Iterable[Mapping[str, Any]]) -> list[JsonObject]:
    """What is asked. A breakpoint asks nothing: a run goes on from it without an answer."""
    return [_interrupt(pause) for pause in pauses if pause["kind"] in _QUESTIONS]


def _interrupt(pause: Mapping[str, Any]) -> JsonObject:
    """One question: `value` holds it, `id` is what a `Command(resume={id: answer})` names.

    `response_schema` is the form of the answer.
    """
    return {
        "id": pause["id"],
        "value": {name: pause[name] for name in _SHOWN if pause.get(name) is not None} | review_of(pause),
        "response_schema": pause.get("schema") or {},
    }
