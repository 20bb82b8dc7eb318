"""E104: whatever happens, one of a node's rules applies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from girih.language.compiler.unit import Unit, finding
from girih.language.expressions.cel import ParseFault, parse
from girih.language.expressions.check import check_expression
from girih.language.expressions.syntax_tree import Call, Expr, ListOf, Literal, spoken
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import GraphNode, Route
from girih.language.spec.suggest import one_of
from girih.language.spec.tree import JsonValue

Cases = tuple[str, list[JsonValue]]
"""What a condition asks of (`classify.intent`), and the values it holds for."""


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Name the nodes whose rules may all fail to match."""
    for node in unit.graph.nodes.values():
        if (
            not node.routes
            or not node.is_routed
            or any(route.condition is None for route in node.routes)
            or not _are_sound(unit, node)
        ):
            continue
        left = _uncovered(unit, node.routes)
        if left is None:
            message = f"'{node.name}.next' has no else: when no rule matches, the run could not go on"
            yield finding(unit, "E104", message, ("nodes", node.name, "next", "[key]"), "add { else: NODE }")
        elif left[1]:
            subject, values = left
            message = f"'{node.name}.next' has no else, and {_unmatched(subject, values)}"
            help_ = (
                f"add {{ else: NODE }}, or a rule for {_quoted(values[0])}"
                if len(values) == 1
                else "add { else: NODE }"
            )
            yield finding(unit, "E104", message, ("nodes", node.name, "next", "[key]"), help_)


def _unmatched(subject: str, values: list[JsonValue]) -> str:
    if any(isinstance(value, bool) for value in values):
        return f"no rule matches when {subject} is {one_of(_quoted(v) for v in values)}"
    what = subject.rpartition(".")[2]
    return f"{what} {one_of(_quoted(v) for v in values)} match{'es' if len(values) == 1 else ''} no rule"


def _quoted(value: JsonValue) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


def _are_sound(unit: Unit, node: GraphNode) -> bool:
    """A condition with a fault of its own says nothing about what is covered."""
    names = unit.names_at(node.name)
    return not any(check_expression(r.condition, names, condition=True).findings for r in node.routes if r.condition)


def covers(unit: Unit, node: GraphNode, routes: Sequence[Route]) -> bool:
    """Whether one of these rules of a node certainly applies, because they name every value there is."""
    if any(route.condition is None or route.max_visits is not None for route in routes):
        return False
    try:
        left = _uncovered(unit, routes)
    except ParseFault:
        return False
    return left is not None and not left[1] and _are_sound(unit, node)


def _uncovered(unit: Unit, routes: Sequence[Route]) -> Cases | None:
    """The values for which no rule applies; `None` if the rules do not decide by one closed list of values."""
    subject: str | None = None
    seen: list[JsonValue] = []
    for route in routes:
        found = _cases(unit, parse(route.condition or ""))
        if found is None or (subject is not None and found[0] != subject):
            return None
        subject = found[0]
        seen += found[1]
    every = unit.choices_of(subject) if subject else None
    return None if subject is None or every is None else (subject, [value for value in every if value not in seen])


def _cases(unit: Unit, expr: Expr) -> Cases | None:
    match expr:
        case Call(function="_||_", arguments=(left, right)):
            one, other = _cases(unit, left), _cases(unit, right)
            return (one[0], one[1] + other[1]) if one and other and one[0] == other[0] else None
        case (
            Call(function="_==_", arguments=(left, Literal(value=value)))
            | Call(function="_==_", arguments=(Literal(value=value), left))
        ):
            name = spoken(left)
            return (name, [value]) if name else None
        case Call(function="_!=_", arguments=(left, Literal(value=value))):
            return _others(unit, spoken(left), [value])
        case Call(function="@in", arguments=(left, ListOf(items=items))) if all(isinstance(i, Literal) for i in items):
            name = spoken(left)
            return (name, [item.value for item in items if isinstance(item, Literal)]) if name else None
        case Call(function="!_", arguments=(inner,)):
            found = _cases(unit, inner)
            return _others(unit, found[0], found[1]) if found else None
        case _:
            name = spoken(expr)
            return (name, [True]) if name else None


def _others(unit: Unit, name: str | None, values: list[JsonValue]) -> Cases | None:
    every = unit.choices_of(name) if name else None
    return (name, [value for value in every if value not in values]) if name and every is not None else None
