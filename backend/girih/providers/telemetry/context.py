"""The W3C trace context that a request came with, and that goes on into its runs and their tools."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from hashlib import sha256

TRACEPARENT: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""What calls made from here are a part of, as the header `traceparent` has it."""

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True)
class TraceContext:
    """A place in a trace: its id (32 hexadecimal digits), the span (16), and whether it is sampled."""

    trace_id: str
    span_id: str
    is_sampled: bool = True

    def header(self) -> str:
        """As the header `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


def read_traceparent(header: str | None) -> TraceContext | None:
    """The place that a header names; `None` for none, and for one that cannot be read: it is then as if absent."""
    found = _FORM.fullmatch(header) if header and len(header) <= 512 else None
    if found is None or (found[0].startswith("00-") and found[4]):
        return None
    return TraceContext(found[1], found[2], bool(int(found[3], 16) & 1))


def span_id_of(*parts: object) -> str:
    """The id of the span that these parts name: always the same one."""
    return sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:16]


def of_run(run_id: str, caller: str | None) -> TraceContext:
    """A run's own place: in its caller's trace, or in one of its own whose id is the run's."""
    parent = read_traceparent(caller)
    trace_id = parent.trace_id if parent else run_id.replace("-", "")
    return TraceContext(trace_id, span_id_of(run_id, "run"), parent.is_sampled if parent else True)
