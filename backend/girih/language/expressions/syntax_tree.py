"""A parsed CEL expression as a small tree with offsets, read from the parser's own serialized form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory


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
    elif isinstance(inner, Loop):
        yield from paths(inner.over, bound)
        for part in children(inner)[1:]:
            yield from paths(part, bound | {inner.variable})
    else:
        for part in children(inner):
            yield from paths(part, bound)


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


def read(serialized: bytes, text: str) -> Expr:
    """The tree of an expression that was parsed but not checked; `serialized` is `cel.Expression.serialize()`."""
    outer = any_pb2.Any.FromString(serialized)
    parsed = _PARSED.FromString(outer.value)
    return _Reader(parsed.source_info.positions, text).expr(parsed.expr)


_MACRO = re.compile(r"(\w+)\s*$")
_CONSTANTS = {
    "bool_value": lambda c: c.bool_value,
    "int64_value": lambda c: c.int64_value,
    "uint64_value": lambda c: c.uint64_value,
    "double_value": lambda c: c.double_value,
    "string_value": lambda c: c.string_value,
    "bytes_value": lambda c: c.bytes_value,
}


class _Reader:
    """Turns the parser's messages into the tree."""

    def __init__(self, positions: Any, text: str) -> None:
        self._positions = positions
        self._text = text

    def expr(self, raw: Any) -> Expr:
        kind = raw.WhichOneof("kind")
        at = int(self._positions.get(raw.id, 0))
        match kind:
            case "const":
                which = raw.const.WhichOneof("kind")
                return Literal(at, _CONSTANTS[which](raw.const) if which in _CONSTANTS else None)
            case "ident":
                return Name(at, raw.ident.name)
            case "select":
                return Field(at, self.expr(raw.select.operand), raw.select.field, test=raw.select.test_only)
            case "list":
                return ListOf(at, tuple(self.expr(item) for item in raw.list.elements))
            case "struct":
                return MapOf(at, tuple((self._key(e, at), self.expr(e.value)) for e in raw.struct.entries))
            case "loop":
                return self._loop(raw.loop, at)
            case _:
                return self._call(raw.call, at)

    def _key(self, entry: Any, at: int) -> Expr:
        return self.expr(entry.map_key) if entry.HasField("map_key") else Literal(at, entry.field_key)

    def _call(self, call: Any, at: int) -> Expr:
        arguments = tuple(self.expr(argument) for argument in call.args)
        if call.function == "_?._":
            operand, name = arguments
            return Field(at, operand, name.value if isinstance(name, Literal) else "", optional=True)
        target = self.expr(call.target) if call.HasField("target") else None
        if isinstance(target, Name) and target.name == "optional":
            return Call(at, f"optional.{call.function}", None, arguments)
        return Call(at, call.function, target, arguments)

    def _loop(self, loop: Any, at: int) -> Expr:
        found = _MACRO.search(self._text[:at])
        macro = found.group(1) if found else ""
        if loop.iter_var == "#unused":
            return Loop(at, macro, loop.accu_var, self.expr(loop.accu_init), None, self.expr(loop.result))
        step = loop.loop_step.call
        condition: Expr | None = None
        element: Expr | None = None
        if macro in ("all", "exists"):
            condition = self.expr(step.args[1])
        elif step.function == "_?_:_":
            condition = self.expr(step.args[0])
        if macro == "map":
            grown = step.args[1].call if condition is not None else step
            element = self.expr(grown.args[1].list.elements[0])
        return Loop(at, macro, loop.iter_var, self.expr(loop.iter_range), condition, element)


def _parsed_message() -> Any:
    """The messages of `cel/expr/syntax.proto`, as far as the tree needs them, under short names of our own."""
    f = descriptor_pb2.FieldDescriptorProto
    text, flag, whole, message = f.TYPE_STRING, f.TYPE_BOOL, f.TYPE_INT64, f.TYPE_MESSAGE
    file = descriptor_pb2.FileDescriptorProto(name="girih/cel_tree.proto", package="girih.cel", syntax="proto3")

    def add(name: str, *fields: tuple[str, int, Any], many: tuple[str, ...] = (), one_of: tuple[str, ...] = ()) -> None:
        shape = file.message_type.add(name=name)
        if one_of:
            shape.oneof_decl.add(name="kind")
        for field, number, kind in fields:
            made = shape.field.add(
                name=field, number=number, label=f.LABEL_REPEATED if field in many else f.LABEL_OPTIONAL
            )
            made.type = message if isinstance(kind, str) else kind
            if isinstance(kind, str):
                made.type_name = f".girih.cel.{kind}"
            if field in one_of:
                made.oneof_index = 0

    constants = (("null_value", 1, whole), ("bool_value", 2, flag), ("int64_value", 3, whole))
    more = (("uint64_value", 4, f.TYPE_UINT64), ("double_value", 5, f.TYPE_DOUBLE), ("string_value", 6, text))
    every = (*constants, *more, ("bytes_value", 7, f.TYPE_BYTES))
    add("Const", *every, one_of=tuple(name for name, _, _ in every))
    add("Ident", ("name", 1, text))
    add("Select", ("operand", 1, "Expr"), ("field", 2, text), ("test_only", 3, flag))
    add("Call", ("target", 1, "Expr"), ("function", 2, text), ("args", 3, "Expr"), many=("args",))
    add("List", ("elements", 1, "Expr"), many=("elements",))
    add("Entry", ("field_key", 2, text), ("map_key", 3, "Expr"), ("value", 4, "Expr"))
    add("Struct", ("entries", 2, "Entry"), many=("entries",))
    ranges = (("iter_var", 1, text), ("iter_range", 2, "Expr"), ("accu_var", 3, text), ("accu_init", 4, "Expr"))
    add("Loop", *ranges, ("loop_step", 6, "Expr"), ("result", 7, "Expr"))
    kinds = (("const", 3, "Const"), ("ident", 4, "Ident"), ("select", 5, "Select"), ("call", 6, "Call"))
    forms = (*kinds, ("list", 7, "List"), ("struct", 8, "Struct"), ("loop", 9, "Loop"))
    add("Expr", ("id", 2, whole), *forms, one_of=tuple(name for name, _, _ in forms))
    add("Info", ("positions", 4, "Info.PositionsEntry"), many=("positions",))
    entry = file.message_type[-1].nested_type.add(name="PositionsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=f.LABEL_OPTIONAL, type=whole)
    entry.field.add(name="value", number=2, label=f.LABEL_OPTIONAL, type=f.TYPE_INT32)
    add("Parsed", ("expr", 2, "Expr"), ("source_info", 3, "Info"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("girih.cel.Parsed"))


_PARSED = _parsed_message()
