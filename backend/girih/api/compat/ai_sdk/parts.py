"""Chunks of the AI SDK's stream that stand for themselves: what became of a call, and where an answer comes from."""

from __future__ import annotations

import mimetypes
from typing import Any, TypeAlias

from girih.language.spec.tree import JsonObject, JsonValue

Chunk: TypeAlias = dict[str, Any]


def broken_off(number: str, name: str, written: str, error: str) -> Chunk:
    """The end of a call whose arguments are not whole, or do not fit."""
    return {"type": "tool-input-error", "toolCallId": number, "toolName": name, "input": written, "errorText": error}


def output(number: str, value: JsonValue, error: str | None, *, own: bool) -> Chunk:
    """What became of a call; `own` is one that girih did itself."""
    told: Chunk = {"toolCallId": number, **({"providerExecuted": True} if own else {})}
    if error is not None:
        return {"type": "tool-output-error", **told, "errorText": error}
    return {"type": "tool-output-available", **told, "output": value}


def source(hit: JsonObject, collection: str) -> Chunk:
    """A passage that was found."""
    document = str(hit.get("document", ""))
    about = {"collection": collection, "chunk_id": hit["chunk_id"], "score": hit["score"], "place": hit["place"]}
    told: Chunk = {"sourceId": hit["document_id"], "title": document, "providerMetadata": {"girih": about}}
    if document.startswith(("https://", "http://")):
        return {"type": "source-url", "url": document, **told}
    kind = mimetypes.guess_type(document)[0] or "text/plain"
    return {"type": "source-document", "mediaType": kind, "filename": document, **told}
