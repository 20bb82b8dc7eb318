"""The forms of CEL that a filter may have, each with what it asks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from girih.language.expressions import fields
from girih.language.expressions.names import Finding
from girih.language.expressions.syntax_tree import Call, Expr, Field, ListOf, Literal, Loop, Name, spoken
from girih.language.filters.fields import DOCUMENT_FIELDS
from girih.language.filters.tree import (
    Always,
    Both,
    Compares,
    Constant,
    Either,
    Equals,
    Filter,
    Has,
    Holds,
    Hole,
    Matches,
    Not,
    OneOf,
    Operand,
    Order,
    Root,
    Subject,
    TextTest,
)

_ROOTS: Mapping[str, Root] = {"document": "document", "metadata": "metadata"}
_ORDERS: Mapping[str, Order] = {"_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">="}
_MIRRORED: Mapping[Order, Order] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_TESTS: Mapping[str, TextTest] = {"startsWith": "startsWith", "endsWith": "endsWith", "contains": "contains"}
_ALLOWED = "a filter knows == != < <= > >=, in, &&, ||, !, has(…), startsWith, endsWith and contains"
_MOMENT_HELP = "write it as '2026-03-01' or '2026-03-01T12:00:00Z'"


class Unreadable(Exception):
    """CEL that is no filter; `finding` says why and where."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def read_form(text: str, tree: Expr, given: frozenset[str]) -> Filter:
    """What an expression without faults of type asks. `given` are the names of values. Raises `Unreadable`."""
    return _Forms(text, given).filter(tree)


def moment(text: object) -> datetime | None:
    """A moment as it is written; without a zone in UTC."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class _Forms:
    def __init__(self, text: str, given: frozenset[str]) -> None:
        self._text = text
        self._given = given
        self._calls: Mapping[str, Callable[[Call], Filter]] = {
            "_&&_": lambda call: Both(tuple(map(self.filter, call.arguments))),
            "_||_": lambda call: Either(tuple(map(self.filter, call.arguments))),
            "!_": lambda call: Not(self.filter(call.arguments[0])),
            "_==_": self._equals,
            "_!=_": lambda call: Not(self._equals(call)),
            "@in": self._in,
            **dict.fromkeys(_ORDERS, self._compares),
            **dict.fromkeys(_TESTS, self._matches),
        }

    def filter(self, expr: Expr) -> Filter:
        """What an expression asks."""
        match expr:
            case Literal(value=bool(value)):
                return Always(value)
            case Field(test=True):
                return Has(self._subject(expr))
            case Call() if expr.function in self._calls:
                return self._calls[expr.function](expr)
            case Field() | Name() | Call(function="_[_]"):
                return self._flag(expr)
            case Loop():
                raise self._refused(f"a filter has no '{expr.macro}'", expr, "ask a list with 'x' in metadata.list")
        raise self._refused("this is nothing that a filter can ask", expr, _ALLOWED)

    def _flag(self, expr: Expr) -> Filter:
        if isinstance(expr, Name) and expr.name in self._given:
            raise self._refused("a filter asks about a document", expr, "compare a field with the value")
        return Equals(self._own(expr), Constant(True, expr.at))

    def _equals(self, call: Call) -> Filter:
        left, right = call.arguments
        subject, other = (left, right) if self._is_field(left) else (right, left)
        if isinstance(other, Literal) and other.value is None:
            return Not(Has(self._subject(subject)))
        found = self._subject(subject)
        return Equals(found, self._fitting(found, self._operand(other)))

    def _compares(self, call: Call) -> Filter:
        left, right = call.arguments
        order = _ORDERS[call.function]
        if self._is_field(left):
            found = self._subject(left)
            return Compares(found, order, self._fitting(found, self._operand(right)))
        found = self._subject(right)
        return Compares(found, _MIRRORED[order], self._fitting(found, self._operand(left)))

    def _in(self, call: Call) -> Filter:
        item, place = call.arguments
        if isinstance(place, ListOf):
            found = self._own(item)
            return OneOf(found, tuple(self._fitting(found, self._operand(value)) for value in place.items))
        if isinstance(place, Name) and place.name in self._given:
            return OneOf(self._own(item), Hole(place.name, place.at))
        found = self._subject(place)
        if found.root == "document":
            raise self._refused(f"'{found.spoken}' is no list", place, "write the field first: document.name in [...]")
        return Holds(found, self._operand(item))

    def _matches(self, call: Call) -> Filter:
        if call.target is None or len(call.arguments) != 1:
            raise self._refused(f"'{call.function}' is asked of a text", call, f"metadata.x.{call.function}('…')")
        found = self._own(call.target)
        if found.root == "document" and DOCUMENT_FIELDS[found.path[0]] != "text":
            raise self._refused(f"'{found.spoken}' is no text to look into", call.target, "compare it with < or >=")
        value = self._operand(call.arguments[0])
        if isinstance(value, Constant) and not isinstance(value.value, str):
            raise self._refused(f"'{call.function}' looks for a text", call.arguments[0], "write it in quotes")
        return Matches(found, _TESTS[call.function], value)

    # --- fields and values

    def _is_field(self, expr: Expr) -> bool:
        match expr:
            case Field():
                return True
            case Call(function="_[_]", arguments=(operand, _)):
                return self._is_field(operand) or (isinstance(operand, Name) and operand.name in _ROOTS)
        return False

    def _own(self, expr: Expr) -> Subject:
        """A field that documents have of their own or by their metadata, spoken without doubt."""
        if not self._is_field(expr):
            raise self._refused("a field has to stand here", expr, "metadata.NAME or document.NAME")
        return self._subject(expr)

    def _subject(self, expr: Expr) -> Subject:
        steps: list[str] = []
        inner = expr
        while True:
            match inner:
                case Field(optional=False):
                    steps.append(inner.name)
                    inner = inner.operand
                case Call(function="_[_]", arguments=(operand, Literal(value=str(key)))):
                    steps.append(key)
                    inner = operand
                case _:
                    break
        if not isinstance(inner, Name) or inner.name not in _ROOTS or not steps:
            raise self._refused("one side has to be a field", expr, "metadata.NAME or document.NAME")
        if any(_unstorable(step) for step in steps):
            raise self._refused("a name cannot hold this character", expr, None)
        return Subject(_ROOTS[inner.name], tuple(reversed(steps)), expr.at)

    def _operand(self, expr: Expr) -> Operand:
        match expr:
            case Name() if expr.name in self._given:
                return Hole(expr.name, expr.at)
            case Literal(value=str(value)) if _unstorable(value):
                raise self._refused("a text in a filter cannot hold a NUL character", expr, None)
            case Literal(value=bool() | int() | str()):
                return Constant(expr.value, expr.at)
            case Literal(value=float(value)) if math.isfinite(value):
                return Constant(value, expr.at)
            case Call(function="-_", arguments=(Literal(value=int() | float()) as number,)) if number.value is not True:
                return Constant(-number.value, expr.at)
        if spoken(expr) is not None and self._is_field(expr):
            raise self._refused("two fields cannot be compared", expr, "compare each with a value")
        raise self._refused("a value has to stand here", expr, "a text, a number, true or false")

    def _fitting(self, subject: Subject, value: Operand) -> Operand:
        """The value, if a field of a document can be compared with it; a moment has to be one."""
        if subject.root != "document" or isinstance(value, Hole):
            return value
        if DOCUMENT_FIELDS[subject.path[0]] == "moment" and moment(value.value) is None:
            raise Unreadable(Finding("E302", f"{value.value!r} is no date or time", value.at, 1, _MOMENT_HELP))
        return value

    def _refused(self, message: str, expr: Expr, help_: str | None) -> Unreadable:
        return Unreadable(Finding("E302", message, *fields.span(self._text, expr), help_))


def _unstorable(text: str) -> bool:
    return "\0" in text or any("\ud800" <= character <= "\udfff" for character in text)
