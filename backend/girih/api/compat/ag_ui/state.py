"""The state an AG-UI app shares with an agent: what the thread holds under `state:`, and every write as a patch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from girih.language.spec.tree import JsonObject, JsonValue

MESSAGES = "messages"
"""The name under `state:` that AG-UI has events of its own for."""

Merge: TypeAlias = Callable[[Mapping[str, Any], Sequence[Sequence[Any]]], Mapping[str, Any]]
"""The values with what was written since, as the graph's `merge:` rules have it."""


class State:
    """The values as the app knows them. An agent without `state:` has none, and nothing is said of it."""

    def __init__(self, values: JsonObject, merge: Merge) -> None:
        self._values = {name: value for name, value in values.items() if name != MESSAGES}
        self._merge = merge

    def snapshot(self) -> list[JsonObject]:
        """All values, where there are any."""
        return [{"type": "STATE_SNAPSHOT", "snapshot": dict(self._values)}] if self._values else []

    def written(self, values: Mapping[str, JsonValue]) -> Iterator[JsonObject]:
        """What a node wrote, as a patch of what the app knows."""
        writes = [[name, value] for name, value in values.items() if name != MESSAGES]
        after = self._merge(self._values, writes)
        patch = [_operation(name, self._values, after) for name, _ in writes if _differs(name, self._values, after)]
        if patch and not self._values:
            # There was nothing to say at the beginning: the app has no document that could be patched.
            yield {"type": "STATE_SNAPSHOT", "snapshot": dict(after)}
        elif patch:
            yield {"type": "STATE_DELTA", "delta": patch}
        self._values = dict(after)


def _differs(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return name in after and (name not in before or before[name] != after[name])


def _operation(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> JsonObject:
    place = name.replace("~", "~0").replace("/", "~1")
    return {"op": "replace" if name in before else "add", "path": f"/{place}", "value": after[name]}
