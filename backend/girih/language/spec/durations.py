"""Durations as authors write them, in seconds."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

LONGEST_DURATION = 366 * 24 * 3600.0
"""Seconds; no duration is longer."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_MILLISECONDS = ("ms", "msec", "millis", "millisecond", "milliseconds")
_WRITTEN_OUT = re.compile(
    rf"(\d+(?:\.\d+)?)\s*({'|'.join(_MILLISECONDS)}|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)",
    re.IGNORECASE,
)


def seconds(value: Any) -> Any:
    """`90`, `"90s"`, `"1m30s"`, `"24h"`, `"7d"` → seconds. Raises `PydanticCustomError` for what is no duration."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str) and value and not _DURATION.sub("", value):
        found = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(value))
    else:
        meant = _meant(value)
        way_out = f"; did you mean {meant}?" if meant else ""
        message = "a duration is expected: seconds, or text like 30s, 5m, 24h or 1h30m{way_out}"
        raise PydanticCustomError("duration", message, {"way_out": way_out})
    if not 0 < found <= LONGEST_DURATION:
        raise PydanticCustomError("duration", "a duration must be more than 0 and at most 366 days")
    return found


def _meant(value: Any) -> str | None:
    """A number with a unit that is written out: `20 seconds` is `20s`."""
    written = _WRITTEN_OUT.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        return None
    unit = "ms" if written[2].lower() in _MILLISECONDS else written[2][0].lower()
    return f"{written[1]}{unit}"


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"},
            ],
            "examples": ["30s", "5m", "24h", 2.5],
        }
    ),
]
"""A time in seconds, written as a number or as text with units."""
