"""Breakpoints of a run: nodes of its own graph before or after which it waits until somebody lets it go on."""

from __future__ import annotations

from dataclasses import dataclass

ALL = "*"
"""Stands for every node."""


@dataclass(frozen=True)
class Breakpoints:
    """The names of the nodes; also of those in branches, but none of another graph that a node runs."""

    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()

    @property
    def is_any(self) -> bool:
        """Whether there is one."""
        return bool(self.before or self.after)

    def is_before(self, node: str) -> bool:
        """Whether the run waits before that node."""
        return node in self.before or ALL in self.before

    def is_after(self, node: str) -> bool:
        """Whether the run waits after that node."""
        return node in self.after or ALL in self.after


NO_BREAKPOINTS = Breakpoints()
