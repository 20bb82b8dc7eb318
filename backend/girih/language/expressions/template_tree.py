"""A prompt file as a small tree: its statements and expressions, with offsets into its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Opaque:
    """An expression of which no more is known than the parts it holds."""

    at: int
    end: int
    parts: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Constant:
    """A text, a number, a boolean or none."""

    at: int
    end: int
    value: Any


@dataclass(frozen=True)
class Variable:
    """A name that stands alone."""

    at: int
    end: int
    name: str


@dataclass(frozen=True)
class Member:
    """`operand.name`, or `operand[key]` with a constant key; `name_at` is where the name or the key stands."""

    at: int
    end: int
    operand: Expr
    key: str | int
    name_at: int


@dataclass(frozen=True)
class Call:
    """`function(arguments)`."""

    at: int
    end: int
    function: Expr
    arguments: tuple[Expr, ...]


@dataclass(frozen=True)
class Filtered:
    """`operand | name(arguments)`; no operand in a `{% filter %}` block."""

    at: int
    end: int
    operand: Expr | None
    name: str
    name_at: int
    arguments: tuple[Expr, ...] = ()
    keywords: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True)
class Tested:
    """`operand is name(arguments)`, or `is not`."""

    at: int
    end: int
    operand: Expr
    name: str
    name_at: int
    arguments: tuple[Expr, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Operation:
    """An operator on one or two operands: `+`, `==`, `and`, `not`, `in`, …"""

    at: int
    end: int
    sign: str
    operands: tuple[Expr, ...]


@dataclass(frozen=True)
class Choice:
    """`then if condition else other`."""

    at: int
    end: int
    condition: Expr
    then: Expr
    other: Expr | None


Expr: TypeAlias = Opaque | Constant | Variable | Member | Call | Filtered | Tested | Operation | Choice


@dataclass(frozen=True)
class Output:
    """`{{ expression }}`, or an expression whose value nobody sees (`{% do %}`)."""

    value: Expr
    printed: bool = True


@dataclass(frozen=True)
class If:
    """`{% if %}` with one `{% elif %}` after another as nested ones."""

    condition: Expr
    body: tuple[Statement, ...]
    other: tuple[Statement, ...]


@dataclass(frozen=True)
class For:
    """`{% for targets in over if condition %}`."""

    targets: tuple[str, ...]
    over: Expr
    condition: Expr | None
    body: tuple[Statement, ...]
    other: tuple[Statement, ...]


@dataclass(frozen=True)
class Assign:
    """`{% set name = value %}`; no value when it is a block or names several."""

    names: tuple[str, ...]
    value: Expr | None
    body: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Block:
    """`{% with %}` and `{% filter %}`: statements with names and values of their own."""

    bindings: tuple[tuple[tuple[str, ...], Expr], ...]
    body: tuple[Statement, ...]


Statement: TypeAlias = Output | If | For | Assign | Block


def parts(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside of an expression."""
    match expr:
        case Opaque():
            return expr.parts
        case Member():
            return (expr.operand,)
        case Call():
            return (expr.function, *expr.arguments)
        case Filtered():
            given = (*expr.arguments, *(value for _, value in expr.keywords))
            return given if expr.operand is None else (expr.operand, *given)
        case Tested():
            return (expr.operand, *expr.arguments)
        case Operation():
            return expr.operands
        case Choice():
            return tuple(part for part in (expr.condition, expr.then, expr.other) if part is not None)
        case _:
            return ()


def bodies(statement: Statement) -> tuple[tuple[Statement, ...], ...]:
    """The statements inside of a statement, block by block."""
    match statement:
        case If() | For():
            return (statement.body, statement.other)
        case Assign() | Block():
            return (statement.body,)
        case _:
            return ()


def held(statement: Statement) -> tuple[Expr, ...]:
    """The expressions that a statement itself holds."""
    match statement:
        case Output():
            return (statement.value,)
        case If():
            return (statement.condition,)
        case For():
            return (statement.over,) if statement.condition is None else (statement.over, statement.condition)
        case Assign():
            return () if statement.value is None else (statement.value,)
        case Block():
            return tuple(value for _, value in statement.bindings)


def every(statements: tuple[Statement, ...]) -> Iterator[Expr]:
    """Every expression anywhere in the statements."""
    for statement in statements:
        waiting = list(held(statement))
        while waiting:
            expr = waiting.pop()
            yield expr
            waiting.extend(parts(expr))
        for body in bodies(statement):
            yield from every(body)


def spoken(expr: Expr) -> str | None:
    """How an author would name the expression: `hit.place.page`; `None` for anything but a name and its members."""
    match expr:
        case Variable():
            return expr.name
        case Member():
            parent = spoken(expr.operand)
            if parent is None:
                return None
            return f"{parent}.{expr.key}" if isinstance(expr.key, str) else f"{parent}[{expr.key}]"
        case _:
            return None
