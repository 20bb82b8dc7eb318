"""A few values for a few seconds, in this process alone."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ShortMemory(Generic[K, V]):
    """Keeps at most `most` values, the newest, each for `seconds`. It shows none of them."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._kept: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __repr__(self) -> str:
        return f"ShortMemory({len(self._kept)} of {self._most})"

    def get(self, key: K) -> V | None:
        """What is kept under the key, if its time is not over."""
        found = self._kept.get(key)
        if found is None:
            return None
        if found[0] <= time.monotonic():
            self._kept.pop(key, None)
            return None
        return found[1]

    def keep(self, key: K, value: V) -> None:
        """Keep a value from now on."""
        self._kept.pop(key, None)
        self._kept[key] = time.monotonic() + self._seconds, value
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self, key: K) -> None:
        """Keep it no longer."""
        self._kept.pop(key, None)
