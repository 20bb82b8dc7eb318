"""The most that a model call may be expected to use, from what it asks for and what its models cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from girih.language.nodes.fallbacks import declared, in_order
from girih.language.nodes.ports import ModelRequest
from girih.language.spec.tree import JsonObject

UNKNOWN_TOKENS = 4096
"""What an answer without `max_tokens` is taken to have at most."""
_MILLION = 1_000_000


def bound_of(request: ModelRequest, documents: Mapping[str, JsonObject]) -> tuple[int, float | None]:
    """Tokens and USD of the call with the dearest of its models and their fallbacks.

    USD are `None` where a model tells no price. A text never has more tokens than bytes.
    """
    written = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
    written += sum(len(tool.description) + len(str(tool.parameters)) for tool in request.tools)
    asked = [documents.get(name) or {} for name in in_order(request.models, declared(documents))]
    longest = max((_longest(request, document) for document in asked), default=UNKNOWN_TOKENS)
    costs = [_cost(document, written, _longest(request, document)) for document in asked]
    known = [cost for cost in costs if cost is not None]
    return written + longest, max(known) if known and len(known) == len(costs) else None


def _longest(request: ModelRequest, document: JsonObject) -> int:
    declared: Any = request.params.get("max_tokens") or (document.get("params") or {}).get("max_tokens")
    return declared if isinstance(declared, int) else UNKNOWN_TOKENS


def _cost(document: JsonObject, read: int, written: int) -> float | None:
    price: Any = document.get("price")
    if not price:
        return None
    return float(read * price.get("input_per_million", 0) + written * price.get("output_per_million", 0)) / _MILLION
