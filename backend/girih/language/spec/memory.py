"""What an editor's session keeps from one compilation for the next one of nearly the same texts."""

from __future__ import annotations

import json
from collections.abc import Hashable
from hashlib import blake2b
from typing import Any

_SHORT = 64


class Memory:
    """Results by all they were made from. What two rounds in a row have not asked for is forgotten.

    So it never holds more than two compilations need. A key has to hold everything that a result depends on: then it
    makes no difference to what is found, only to how long that takes. One thread at a time may use it.
    """

    def __init__(self) -> None:
        self._now: dict[Hashable, Any] = {}
        self._before: dict[Hashable, Any] = {}
        self._prints: dict[int, tuple[Any, bytes | None]] = {}
        self._prints_before: dict[int, tuple[Any, bytes | None]] = {}

    def begin(self) -> None:
        """Begin a round: a compilation."""
        self._before, self._now = self._now, {}
        self._prints_before, self._prints = self._prints, {}

    def get(self, key: Hashable) -> Any:
        """What is kept under a key; `None` if nothing is."""
        found = self._now.get(key)
        if found is None:
            found = self._before.get(key)
            if found is not None:
                self._now[key] = found
        return found

    def put(self, key: Hashable, result: Any) -> None:
        """Keep a result."""
        self._now[key] = result

    def print_of(self, value: Any) -> bytes | None:
        """A fingerprint of plain JSON data: equal for nothing but the same data, with its types and its order.

        `None` for what has none. The same object is looked at once, so nobody may change it.
        """
        known = self._prints.get(id(value))
        if known is None:
            # With the value itself, so that no other object can come to have its number.
            known = self._prints_before.get(id(value)) or (value, fingerprint(value))
            self._prints[id(value)] = known
        return known[1]


def fingerprint(value: Any) -> bytes | None:
    """See `Memory.print_of`."""
    try:
        written = json.dumps(value).encode()
    except (TypeError, ValueError, RecursionError):
        return None
    return written if len(written) <= _SHORT else blake2b(written, digest_size=32).digest()
