"""What an answer says about when to come back (`Retry-After`), in seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 3600.0
"""Seconds; whoever asks for more is taken to mean an hour."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The wait in seconds, from 0 to `LONGEST_WAIT`; `None` where nothing readable is said."""
    written = headers.get("retry-after", "").strip()
    if not written:
        return None
    try:
        wait = float(written)
    except ValueError:
        try:
            moment = parsedate_to_datetime(written)
        except ValueError:
            return None
        wait = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wait, 0.0), LONGEST_WAIT) if math.isfinite(wait) else None
