"""Which nodes of a chat agent may be heard while they speak: those whose text is certain to be the answer.

The answer is the first of the output's values that the run has. So a node is heard only where its own `text` is one of
these values, and none of the values before it can come about any more. A node that may run again, that has something
else in place for its failure, or that speaks inside of a fork is not heard: what it says may count for nothing.
"""

from __future__ import annotations

import re
from functools import cached_property

from girih.engine.regions import targets
from girih.language.compiler.plan import Plan, PlanNode
from girih.language.spec.tree import JsonValue

_TEXT = re.compile(r"\$\{\s*([A-Za-z_]\w*)\.text\s*\}")
_FIELD = re.compile(r"\$\{\s*([A-Za-z_]\w*)(\.[A-Za-z_]\w*)+\s*\}")
_SPEAKING = frozenset({"llm", "agent"})


class Heard:
    """The nodes of one plan; it keeps nothing of a run."""

    def __init__(self, plan: Plan) -> None:
        self._nodes = {node.name: node for node in plan.nodes}
        output = plan.results.get(str((plan.chat or {}).get("output")))
        self._values: tuple[JsonValue, ...] = output.values if output is not None else ()

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The nodes that may be heard, by the place of their text among the output's values."""
        found: dict[str, int] = {}
        for rank, value in enumerate(self._values):
            named = _TEXT.fullmatch(value) if isinstance(value, str) else None
            node = self._nodes.get(named[1]) if named is not None else None
            if node is not None and self._is_sure(node):
                found.setdefault(node.name, rank)
        return found

    def is_heard(self, name: str, has_result: frozenset[str] | set[str]) -> bool:
        """Whether what this node says now is the answer, where these nodes have a result."""
        rank = self.ranks.get(name)
        if rank is None:
            return False
        later = self._reached(name)
        for value in self._values[:rank]:
            named = _FIELD.fullmatch(value) if isinstance(value, str) else None
            if named is None or named[1] not in self._nodes or named[1] in has_result or named[1] in later:
                return False
        return True

    def _is_sure(self, node: PlanNode) -> bool:
        return (
            node.verb in _SPEAKING
            and node.region is None
            and node.on_error is None
            and node.name not in self._reached(node.name)
        )

    def _reached(self, name: str) -> set[str]:
        """Every node that may run after this one."""
        seen: set[str] = set()
        open_ones = list(targets(self._nodes[name]))
        while open_ones:
            to = open_ones.pop()
            if to in self._nodes and to not in seen:
                seen.add(to)
                open_ones += targets(self._nodes[to])
                open_ones += (branch.entry for branch in self._nodes[to].branches)
        return seen
