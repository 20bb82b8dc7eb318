"""A parsed CEL expression as a small tree with offsets into its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

VISITS = "visits"
"""`visits('node')` counts how often a node has run; it reads the name `visits`, a mapping of nodes to counts."""


@dataclass(frozen=True)
class Literal:
    """A constant: null, a boolean, a number or a text."""

    at: int
    value: Any


@dataclass(frozen=True)
class Name:
    """A name that stands alone: `inputs`, a node, or a variable of a macro."""

    at: int
    name: str


@dataclass(frozen=True)
class Field:
    """`operand.name`; `test` for `has(operand.name)`, `optional` for `operand.?name`. `at` is the dot."""

    at: int
    operand: Expr
    name: str
    test: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Call:
    """A function or an operator (`_+_`, `_?_:_`, …); `target` for a method."""

    at: int
    function: str
    target: Expr | None
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class ListOf:
    """`[a, b]`."""

    at: int
    items: tuple[Expr, ...]


@dataclass(frozen=True)
class MapOf:
    """`{'a': b}`."""

    at: int
    entries: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class Loop:
    """A macro over a list or a map: `over.macro(variable, condition, element)`, as far as the macro has these."""

    at: int
    macro: str
    variable: str
    over: Expr
    condition: Expr | None
    element: Expr | None


Expr: TypeAlias = Literal | Name | Field | Call | ListOf | MapOf | Loop


def children(expr: Expr) -> tuple[Expr, ...]:
    """The parts of an expression, in the order they are written."""
    match expr:
        case Field():
            return (expr.operand,)
        case Call():
            return (*((expr.target,) if expr.target else ()), *expr.arguments)
        case ListOf():
            return expr.items
        case MapOf():
            return tuple(part for entry in expr.entries for part in entry)
        case Loop():
            return tuple(part for part in (expr.over, expr.condition, expr.element) if part is not None)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and all of its parts."""
    yield expr
    for part in children(expr):
        yield from walk(part)


def free_names(expr: Expr) -> Iterator[str]:
    """The names an expression reads from outside; a macro's own variable is none of them."""
    return (path[0] for path in paths(expr))


def paths(expr: Expr, bound: frozenset[str] = frozenset()) -> Iterator[tuple[str, ...]]:
    """What an expression reads, as precisely as its text tells: `("inputs", "question")`, or `("inputs",)` for all."""
    steps: list[str] = []
    inner = expr
    while isinstance(inner, Field):
        steps.append(inner.name)
        inner = inner.operand
    if isinstance(inner, Name):
        if inner.name not in bound:
            yield (inner.name, *reversed(steps))
    elif isinstance(inner, Call) and inner.function == VISITS and inner.target is None:
        yield (VISITS,)
    elif isinstance(inner, Loop):
        yield from paths(inner.over, bound)
        for part in children(inner)[1:]:
            yield from paths(part, bound | {inner.variable})
    else:
        for part in children(inner):
            yield from paths(part, bound)


def free_places(expr: Expr, bound: frozenset[str] = frozenset()) -> Iterator[tuple[int, str]]:
    """Where an expression reads a name from outside: the offset and the name."""
    if isinstance(expr, Name) and expr.name not in bound:
        yield expr.at, expr.name
    for i, part in enumerate(children(expr)):
        inner = bound | {expr.variable} if isinstance(expr, Loop) and i > 0 else bound
        yield from free_places(part, inner)


def spoken(expr: Expr) -> str | None:
    """How an author would name the expression: `classify.intent`; `None` for anything but a name and its fields."""
    match expr:
        case Name():
            return expr.name
        case Field():
            parent = spoken(expr.operand)
            return None if parent is None else f"{parent}.{expr.name}"
        case Call(function="_[_]", arguments=(operand, Literal(value=key))):
            parent = spoken(operand)
            return None if parent is None else f"{parent}[{key!r}]"
        case _:
            return None
