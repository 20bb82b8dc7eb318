"""What a graph's `trace.redact` keeps out of the record of a run: events without prompts, outputs, or both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from girih.engine.events import NewEvent, RunEvent
from girih.language.spec.tree import JsonObject, JsonValue

GONE: Final = "(redacted)"
"""What stands where a text was."""
LEFT_OUT: Final = "redacted"
"""The key under which a kept event names what was taken out of it."""

_PROMPTS, _OUTPUTS = frozenset({"prompts"}), frozenset({"outputs"})
_EITHER = _PROMPTS | _OUTPUTS
_CONTENTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "run.started": {"inputs": _PROMPTS},
    "run.interrupted": {"interrupts": _PROMPTS},
    "run.resumed": {"answers": _PROMPTS},
    "run.finished": {"outputs": _OUTPUTS},
    "node.finished": {"output": _OUTPUTS},
    "message.delta": {"text": _OUTPUTS},
    "message.completed": {"text": _OUTPUTS, "calls": _OUTPUTS},
    "tool.delta": {"arguments": _EITHER},
    "tool.started": {"arguments": _EITHER},
    "tool.finished": {"arguments": _EITHER, "result": _OUTPUTS, "error": _OUTPUTS},
    "retrieval.finished": {"query": _PROMPTS, "hits": _PROMPTS},
    "state.updated": {"values": _OUTPUTS, "merged": _OUTPUTS},
}
"""By type of event: the fields with contents, and what each of them counts as. A model's call of a tool is both."""
_UNKNOWN = frozenset({"custom", "memory.stored", "memory.recalled"})
"""Types whose data may hold anything, and that are without it whatever is to be left out."""
_NAMED = frozenset({"name", "namespace", "scope", "id"})
_PARTLY = {"interrupts": ("message", "details"), "hits": ("text", "metadata")}
"""Lists that keep their entries, without these fields."""


def withheld(event: NewEvent, redact: Collection[str]) -> JsonObject:
    """The event's data as it is kept. Contents give way to something empty of the same form, and are named."""
    parts = {*redact, *event.redact}
    if not parts:
        return event.data
    if event.type in _UNKNOWN:
        names = event.data.keys() - _NAMED
    else:
        contents = _CONTENTS.get(event.type, {})
        names = {name for name in event.data if parts & contents.get(name, frozenset())}
    if not names:
        return event.data
    kept = {name: _emptied(name, value) if name in names else value for name, value in event.data.items()}
    return kept | {LEFT_OUT: sorted(names)}


def told(event: RunEvent) -> RunEvent:
    """A kept event as a trace tells it: where contents were left out, it says so."""
    names = event.event.data.get(LEFT_OUT)
    if not names:
        return event
    gone = {name: GONE for name in names if name not in _PARTLY and name != "answers"}
    return replace(event, event=replace(event.event, data={**event.event.data, **gone}))


def _emptied(name: str, value: JsonValue) -> JsonValue:
    if name in _PARTLY and isinstance(value, list):
        return [_without(one, _PARTLY[name]) for one in value]
    if name == "answers" and isinstance(value, dict):
        return dict.fromkeys(value, GONE)
    if isinstance(value, dict):
        return {}
    if isinstance(value, list):
        return []
    return GONE if isinstance(value, str) else None


def _without(value: JsonValue, names: Collection[str]) -> JsonValue:
    if not isinstance(value, dict):
        return None
    return {name: _emptied("", item) if name in names else item for name, item in value.items()}
