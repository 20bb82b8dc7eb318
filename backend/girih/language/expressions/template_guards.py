"""What a condition of a prompt file says of the members it names: that they have a value, or something else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from girih.language.expressions.template_tree import (
    Choice,
    Constant,
    Expr,
    Filtered,
    Member,
    Opaque,
    Operation,
    Tested,
    Variable,
    parts,
    spoken,
)


class Guards(NamedTuple):
    """Paths (`hit.page`) that have a value, and paths of which the condition asks what they are."""

    set: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()

    def has(self, name: str | None) -> bool:
        """Whether the member of this path has a value."""
        return name is not None and any(f"{known}.".startswith(f"{name}.") for known in self.set)

    def also(self, other: Guards) -> Guards:
        """Both together."""
        return Guards(self.set | other.set, self.asked | other.asked)

    def without(self, name: str) -> Guards:
        """Without what is known of a name, which means something else from here on."""
        return Guards(*(frozenset(p for p in known if _root(p) != name) for known in self))


def _root(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def guarded(condition: Expr, *, truth: bool) -> Guards:
    """What holds where the condition is `truth`."""
    return Guards(_set(condition, truth=truth) | _read(condition, truth=truth), _asked(condition))


def _set(condition: Expr, *, truth: bool) -> frozenset[str]:
    match condition:
        case Tested(name="defined" | "undefined"):
            name = spoken(condition.operand)
            is_set = (condition.name == "defined") != condition.negated
            return frozenset({name} if name and is_set == truth else ())
        case Filtered(name="default" | "d") if truth and _is_nothing(condition.arguments):
            name = spoken(condition.operand) if isinstance(condition.operand, Member) else None
            return frozenset({name} if name else ())
        case Operation(sign="not", operands=(inner,)):
            return _set(inner, truth=not truth)
        case Operation(sign="and" | "or", operands=(left, right)) if (condition.sign == "and") == truth:
            return _set(left, truth=truth) | _set(right, truth=truth)
        case _:
            return frozenset()


def _is_nothing(arguments: tuple[Expr, ...]) -> bool:
    """Whether what `default` puts in the place of a missing member does not hold as a condition."""
    match arguments:
        case ():
            return True
        case (Constant(value=value), *_):
            return not value
        case (Opaque(parts=()), *_):  # `[]` and `{}`
            return True
        case _:
            return False


def _read(condition: Expr, *, truth: bool | None) -> frozenset[str]:
    """Members that were certainly read where the condition is `truth` (`None`: whatever it is).

    One without a value would have stopped there. What stands behind `and`, `or` and `if` may not have been looked at,
    and `default` takes a member that has no value.
    """
    match condition:
        case Tested(name="defined" | "undefined"):
            return frozenset()
        case Filtered(name="default" | "d"):
            return _all_read(condition.arguments)
        case Operation(sign="and" | "or", operands=(left, right)):
            if truth is not None and (condition.sign == "and") == truth:
                return _read(left, truth=truth) | _read(right, truth=truth)
            return _read(left, truth=None)
        case Operation(sign="not", operands=(inner,)):
            return _read(inner, truth=None if truth is None else not truth)
        case Choice():
            return _read(condition.condition, truth=None)
        case _:
            name = spoken(condition) if isinstance(condition, Member) else None
            inner_read = _all_read(parts(condition))
            return inner_read | {name} if name else inner_read


def _all_read(expressions: Iterable[Expr]) -> frozenset[str]:
    return frozenset[str]().union(*(_read(expression, truth=None) for expression in expressions))


def _asked(condition: Expr) -> frozenset[str]:
    """What is tested for its kind (`is mapping`, `is string`): who asks what it is knows what it does."""
    inner = frozenset[str]().union(*map(_asked, parts(condition)))
    if isinstance(condition, Tested) and condition.name not in ("defined", "undefined"):
        name = spoken(condition.operand) if isinstance(condition.operand, Member | Variable) else None
        return inner | {name} if name else inner
    return inner
