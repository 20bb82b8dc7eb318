"""What an editor offers at a cursor: a word to put in place of what is typed, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from girih.language.editing.positions import Range

Sort = Literal["key", "verb", "node", "alias", "uri", "value", "name", "field", "function", "file", "variable"]


@dataclass(frozen=True)
class Option:
    """One word. `range` is what it replaces: what is typed of it."""

    label: str
    sort: Sort
    insert: str
    range: Range
    detail: str | None = None
    documentation: str | None = None
