"""How a collection's documents are cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Strategy = Literal["structure", "recursive", "tokens", "sentence", "parent"]
Context = Literal["headings", "title", "none"]


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
