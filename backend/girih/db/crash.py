"""Named places where a test may end the process at once, to see what the next one makes of it."""

from __future__ import annotations

import os
from typing import Generic, TypeVar

Point = TypeVar("Point", bound=str)


class CrashPoints(Generic[Point]):
    """`GIRIH_CRASH_AT=checkpoint.after` ends the process there, or `…@3` the third time it comes by.

    Only where the points were enabled in code: no setting can do that.
    """

    def __init__(self, *, enabled: bool = False) -> None:
        name, _, turn = os.environ.get("GIRIH_CRASH_AT", "").partition("@") if enabled else ("", "", "")
        self._name = name
        self._left = int(turn or 1)

    def here(self, point: Point) -> None:
        """End the process if this is the point it was told."""
        if point == self._name:
            self._left -= 1
            if self._left == 0:
                os._exit(9)
