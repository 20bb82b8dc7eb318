"""Which node of the tested graph an event speaks of."""

from __future__ import annotations

import re

_ITEM = re.compile(r"^(?:\w+\[\d+\]/)+")


def own_node(path: str | None) -> str | None:
    """The node's name, also where it ran for one item of a list; `None` for the run, and for a subgraph's nodes."""
    name = _ITEM.sub("", path or "")
    return name if name and "/" not in name else None
