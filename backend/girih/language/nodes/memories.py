"""What nodes remember and recall across runs: the port, and one recollection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from girih.language.spec.tree import JsonObject


@dataclass(frozen=True)
class Recollection:
    """Something remembered: its text, the data kept with it, and how well it fits what was asked (0 to 1)."""

    id: str
    key: str | None
    text: str
    data: JsonObject
    score: float
    at: str
    """When it was last written (RFC 3339)."""


class Memory(Protocol):
    """What is remembered across runs, by namespace; a namespace is only seen within its project."""

    async def put(self, namespace: str, text: str, data: JsonObject, *, key: str | None, ttl: float | None) -> str:
        """Remember; the same `key` again replaces what was there. `ttl` in seconds. Returns its id."""
        ...

    async def search(self, namespace: str, query: str, *, top_k: int, min_score: float | None) -> list[Recollection]:
        """What fits the query best, best first; with an empty query the latest first."""
        ...
