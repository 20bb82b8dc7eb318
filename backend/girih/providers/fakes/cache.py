"""Cached results kept in a process: the double of the engine's `ResultCache`."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from girih.language.spec.tree import JsonObject


@dataclass
class InProcessCache:
    """Keeps results until their time is over; `now` (seconds) can be set by tests."""

    now: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, JsonObject]] = field(default_factory=dict)

    async def get(self, key: str) -> JsonObject | None:
        """The result, if there is one that still lives."""
        until, result = self._kept.get(key, (0.0, {}))
        return deepcopy(result) if key in self._kept and until > self.now() else None

    async def put(self, key: str, result: JsonObject, ttl: float) -> None:
        """Keep a result for `ttl` seconds."""
        self._kept[key] = (self.now() + ttl, deepcopy(result))
