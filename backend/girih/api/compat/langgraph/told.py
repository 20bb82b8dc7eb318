"""One event of LangGraph's event-streaming protocol."""

from __future__ import annotations

from dataclasses import dataclass

from girih.language.spec.tree import JsonValue


@dataclass(frozen=True, slots=True)
class Told:
    """An event before it has a number: its channel, its method, the namespace it is from, and what it holds."""

    channel: str
    method: str
    ns: tuple[str, ...]
    data: JsonValue
