"""What a condition proves about fields that may be missing: `has(a.b) && a.b == 1` may read `a.b`."""

from __future__ import annotations

from girih.language.expressions.syntax_tree import Call, Expr, Field, Literal, spoken


def guarded(condition: Expr, *, truth: bool) -> frozenset[str]:
    """The fields (`a.b`) that surely have a value when the condition is `truth`."""
    match condition:
        case Field(test=True) if truth:
            name = spoken(condition)
            return frozenset({name} if name else ())
        case Call(function="hasValue", target=Field() as target) if truth:
            name = spoken(target)
            return frozenset({name} if name else ())
        case Call(function="!_", arguments=(inner,)):
            return guarded(inner, truth=not truth)
        case Call(function="_&&_", arguments=(left, right)) if truth:
            return guarded(left, truth=True) | guarded(right, truth=True)
        case Call(function="_||_", arguments=(left, right)) if not truth:
            return guarded(left, truth=False) | guarded(right, truth=False)
        case _:
            return frozenset()


def solid(condition: Expr, *, truth: bool) -> frozenset[str]:
    """The names (`a`, `a.b`) that surely are not null when the condition is `truth`."""
    match condition:
        case (
            Call(function="_==_" | "_!=_" as sign, arguments=(left, Literal(value=value)))
            | Call(function="_==_" | "_!=_" as sign, arguments=(Literal(value=value), left))
        ):
            is_equal = (sign == "_==_") == truth
            name = spoken(left)
            return frozenset({name} if name and is_equal == (value is not None) else ())
        case Call(function="!_", arguments=(inner,)):
            return solid(inner, truth=not truth)
        case Call(function="_&&_", arguments=(left, right)) if truth:
            return solid(left, truth=True) | solid(right, truth=True)
        case Call(function="_||_", arguments=(left, right)) if not truth:
            return solid(left, truth=False) | solid(right, truth=False)
        case _:
            return frozenset()
