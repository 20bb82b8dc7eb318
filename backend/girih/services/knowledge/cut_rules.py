"""How a collection's documents are cut, and how its row says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Strategy = Literal["structure", "recursive", "tokens", "sentence", "parent"]
Context = Literal["headings", "title", "none"]

# The place of a name in its list is stored: new names go to the end.
_STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
_CONTEXTS: tuple[Context, ...] = get_args(Context)
_STRATEGY, _CONTEXT = 10_000, 100_000


@dataclass(frozen=True)
class CutRules:
    """What `chunk:` of a `collection/v1` says. `size` and `overlap` count words (`tokens`: tokens)."""

    size: int = 220
    overlap: int = 40
    strategy: Strategy = "structure"
    context: Context = "headings"

    @classmethod
    def of(cls, chunk: Mapping[str, Any]) -> CutRules:
        """The rules of a document's `chunk:`."""
        return cls(**chunk)

    @classmethod
    def stored(cls, chunk_size: int, chunk_overlap: int) -> CutRules:
        """The rules that a row's two numbers stand for."""
        return cls(
            size=chunk_size % _STRATEGY,
            overlap=chunk_overlap,
            strategy=_STRATEGIES[chunk_size % _CONTEXT // _STRATEGY],
            context=_CONTEXTS[chunk_size // _CONTEXT],
        )

    @property
    def columns(self) -> dict[str, int]:
        """The row's two numbers: strategy and context stand above the four digits of the size, 0 for the default."""
        above = _STRATEGIES.index(self.strategy) * _STRATEGY + _CONTEXTS.index(self.context) * _CONTEXT
        return {"chunk_size": above + self.size, "chunk_overlap": self.overlap}
