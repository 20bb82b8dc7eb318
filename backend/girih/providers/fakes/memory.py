"""What is remembered, kept in a process: the `Memory` double, which finds by the words a text shares with a query."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from girih.language.nodes.memories import Recollection
from girih.language.spec.tree import JsonObject

_WORD = re.compile(r"\w+")


@dataclass
class _Kept:
    recollection: Recollection
    until: datetime | None


@dataclass
class InProcessMemory:
    """Remembers by namespace. A score is the share of the query's words that a text has; `now` can be set by tests."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _kept: dict[str, dict[str, _Kept]] = field(default_factory=dict)

    async def put(self, namespace: str, text: str, data: JsonObject, *, key: str | None, ttl: float | None) -> str:
        """Remember; the same `key` again replaces what was there. `ttl` in seconds. Returns its id."""
        now, space = self.now(), self._kept.setdefault(namespace, {})
        known = key is not None and key in space
        name = space[key].recollection.id if known and key is not None else str(uuid.uuid4())
        until = now + timedelta(seconds=ttl) if ttl is not None else None
        space.pop(key or name, None)  # what was written last stands last
        space[key or name] = _Kept(Recollection(name, key, text, data, 0.0, now.isoformat()), until)
        return name

    async def search(self, namespace: str, query: str, *, top_k: int, min_score: float | None) -> list[Recollection]:
        """What fits the query best, best first; with an empty query the latest first."""
        now, wanted = self.now(), _words(query)
        alive = [k.recollection for k in self._kept.get(namespace, {}).values() if k.until is None or k.until > now]
        found = [_scored(item, wanted) for item in reversed(alive)]
        found.sort(key=lambda item: -item.score)
        fitting = [item for item in found if not wanted or item.score > 0]
        return [item for item in fitting if min_score is None or item.score >= min_score][:top_k]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def _scored(item: Recollection, wanted: set[str]) -> Recollection:
    score = len(wanted & _words(item.text)) / len(wanted) if wanted else 1.0
    return Recollection(item.id, item.key, item.text, item.data, score, item.at)
