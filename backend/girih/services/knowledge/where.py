"""A condition that narrows a search: SQL over passages and their documents, with bound values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Where:
    """`sql` may name the aliases `c` (chunks) and `d` (documents) and the values that it binds, as `:where_…`.

    Searches join documents only where there is a condition.
    """

    sql: str = "true"
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self.sql != "true"


EVERYTHING = Where()
"""No condition."""
