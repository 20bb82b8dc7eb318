"""The tools of a run as a chat sees them: those that girih calls itself, and those of the app that it waits for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject
from girih.services.runs.chat_steps import CallStep, ChatStep, ToolStep


class Tools:
    """Tells each call of a tool of girih's own when it begins and when it ends, under an id of its own in the run."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], ToolStep] = {}
        self._ids: set[str] = set()

    def started(self, event: RunEvent) -> Iterator[ChatStep]:
        """A call begins; one that is begun anew after a crash is told once."""
        data = event.event.data
        key = _key(event)
        if key not in self._open:
            step = ToolStep(self._id(key), str(data["tool"]), data.get("arguments") or {})
            self._open[key] = step
            yield step

    def finished(self, event: RunEvent) -> Iterator[ChatStep]:
        """A call ends. One that never began was refused, or did not fit: it is told as a whole."""
        data = event.event.data
        key = _key(event)
        begun = self._open.pop(key, None)
        if begun is None:
            begun = ToolStep(self._id(key), str(data["tool"]), {})
            yield begun
        error = str(data["error"]) if "error" in data else None
        yield ToolStep(begun.call_id, begun.name, begun.arguments, done=True, result=data.get("result"), error=error)

    def _id(self, key: tuple[str, str]) -> str:
        """The model's own id of the call while it is the only one of that name in the run."""
        number, name = 1, key[1]
        while name in self._ids:
            number += 1
            name = f"{key[1]}-{number}"
        self._ids.add(name)
        return name


def _key(event: RunEvent) -> tuple[str, str]:
    node = event.event.node or ""
    return node, str(event.event.data.get("call_id") or f"call_{node.replace('/', '_')}")


def calls_of(interrupts: Iterable[JsonObject]) -> tuple[CallStep, ...]:
    """The calls of the app's tools among what a run waits for, each whole."""
    return tuple(
        CallStep(
            one["details"]["call_id"],
            one["details"]["tool"],
            json.dumps(one["details"]["arguments"], ensure_ascii=False),
            done=True,
        )
        for one in interrupts
        if one["kind"] == "tool"
    )
