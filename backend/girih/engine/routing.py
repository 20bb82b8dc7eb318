"""Where a token goes when a node is done: the first route whose condition holds and that may still be taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from girih.engine.failures import NodeFailedError
from girih.language.compiler.plan import PlanNode
from girih.language.expressions.cel import Condition
from girih.language.spec.model import END, FAIL
from girih.language.spec.tree import JsonValue


@dataclass(frozen=True)
class Taken:
    """The node to go to (`None`: the run, or the branch, ends here), and the count to add for a bounded route."""

    to: str | None
    counts: Mapping[str, int]


NOWHERE = Taken(None, {})


class Router:
    """The routes of one node, with their conditions compiled."""

    def __init__(self, node: PlanNode) -> None:
        self._name = node.name
        self._routes = [
            (route, f"{node.name}>{index}", Condition(route.condition) if route.condition is not None else None)
            for index, route in enumerate(node.routes)
        ]
        self.asks = any(route.condition is not None for route in node.routes)
        """Whether a way on depends on data."""
        self.counts = any(route.max_visits is not None for route in node.routes)
        """Whether a way on depends on how often it was taken."""

    def straight(self, to: str, path: str) -> Taken:
        """The way to a target that the node itself has chosen. Raises `NodeFailedError` for `$fail`."""
        if to == FAIL:
            raise self._refused(path)
        return Taken(None if to == END else to, {})

    def choose(self, data: Mapping[str, JsonValue], counts: Mapping[str, float], path: str) -> Taken:
        """The route to take. `path` is the node's place in the run, for the failure.

        Raises `NodeFailedError` for `$fail` and when no route is left, `ExpressionError` from a condition.
        """
        if not self._routes:
            return NOWHERE
        spent = False
        for route, key, condition in self._routes:
            if route.max_visits is not None and counts.get(key, 0) >= route.max_visits:
                spent = True
                continue
            if condition is not None and not condition.holds(data):
                continue
            if route.to == FAIL:
                raise self._refused(path)
            counted = {key: 1} if route.max_visits is not None else {}
            return Taken(None if route.to == END else route.to, counted)
        raise self._stuck(spent, path)

    def _refused(self, path: str) -> NodeFailedError:
        return NodeFailedError("refused", f"the graph ends as failed after '{self._name}'", node=path, can_pass=False)

    def _stuck(self, spent: bool, path: str) -> NodeFailedError:
        if spent:
            message = f"no route is left after '{self._name}': a route's max_visits is used up and no other one matches"
            return NodeFailedError("budget", message, node=path, help="add an else: for the time after the last visit")
        message = f"no route matches after '{self._name}'"
        return NodeFailedError("invalid_output", message, node=path, help="add an else:")
