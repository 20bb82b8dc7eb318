"""Frames of this door's streams."""

from __future__ import annotations

from girih.api.speakers import one_line
from girih.language.spec.tree import JsonObject

DONE = b"data: [DONE]\n\n"
"""After it nothing comes."""


def frame(data: JsonObject, event: str | None = None) -> bytes:
    """One frame, with the name of its event where it has one."""
    lead = b"event: %s\n" % event.encode() if event else b""
    return b"%sdata: %s\n\n" % (lead, one_line(data))


def error_frame(error: JsonObject) -> bytes:
    """An error in the midst of a stream, which clients raise."""
    return frame({"error": {"param": None, **error}})
