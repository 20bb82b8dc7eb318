"""What a reranker is: a question and passages in, a score for each passage out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """Scores passages by how well they answer, each seen together with the question."""

    async def scores(self, query: str, texts: Sequence[str]) -> list[float | None]:
        """One score per text, in order, higher is better; `None` where it gave none. Raises `Unavailable`."""
        ...
