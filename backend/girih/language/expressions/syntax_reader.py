"""The parser's own serialized form → the tree of an expression."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

from girih.language.expressions.syntax_tree import Call, Expr, Field, ListOf, Literal, Loop, MapOf, Name


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


_FIELD = descriptor_pb2.FieldDescriptorProto
_TEXT, _FLAG, _WHOLE = _FIELD.TYPE_STRING, _FIELD.TYPE_BOOL, _FIELD.TYPE_INT64
_CONSTANT_FIELDS: tuple[tuple[str, int, Any], ...] = (
    ("null_value", 1, _WHOLE), ("bool_value", 2, _FLAG), ("int64_value", 3, _WHOLE),
    ("uint64_value", 4, _FIELD.TYPE_UINT64), ("double_value", 5, _FIELD.TYPE_DOUBLE), ("string_value", 6, _TEXT),
    ("bytes_value", 7, _FIELD.TYPE_BYTES),
)  # fmt: skip
_FORMS: tuple[tuple[str, int, Any], ...] = (
    ("const", 3, "Const"), ("ident", 4, "Ident"), ("select", 5, "Select"), ("call", 6, "Call"), ("list", 7, "List"),
    ("struct", 8, "Struct"), ("loop", 9, "Loop"),
)  # fmt: skip
_MESSAGES: dict[str, tuple[tuple[str, int, Any], ...]] = {
    "Const": _CONSTANT_FIELDS,
    "Ident": (("name", 1, _TEXT),),
    "Select": (("operand", 1, "Expr"), ("field", 2, _TEXT), ("test_only", 3, _FLAG)),
    "Call": (("target", 1, "Expr"), ("function", 2, _TEXT), ("args", 3, "Expr")),
    "List": (("elements", 1, "Expr"),),
    "Entry": (("field_key", 2, _TEXT), ("map_key", 3, "Expr"), ("value", 4, "Expr")),
    "Struct": (("entries", 2, "Entry"),),
    "Loop": (
        ("iter_var", 1, _TEXT), ("iter_range", 2, "Expr"), ("accu_var", 3, _TEXT), ("accu_init", 4, "Expr"),
        ("loop_step", 6, "Expr"), ("result", 7, "Expr"),
    ),
    "Expr": (("id", 2, _WHOLE), *_FORMS),
    "Info": (("positions", 4, "Info.PositionsEntry"),),
    "Parsed": (("expr", 2, "Expr"), ("source_info", 3, "Info")),
}  # fmt: skip
_REPEATED = frozenset({"args", "elements", "entries", "positions"})
_ONE_OF = {"Const": {name for name, _, _ in _CONSTANT_FIELDS}, "Expr": {name for name, _, _ in _FORMS}}


def _parsed_message() -> Any:
    """The messages of `cel/expr/syntax.proto`, as far as the tree needs them, under short names of our own."""
    file = descriptor_pb2.FileDescriptorProto(name="girih/cel_tree.proto", package="girih.cel", syntax="proto3")
    for name, fields in _MESSAGES.items():
        shape = file.message_type.add(name=name)
        if name in _ONE_OF:
            shape.oneof_decl.add(name="kind")
        for field, number, kind in fields:
            label = _FIELD.LABEL_REPEATED if field in _REPEATED else _FIELD.LABEL_OPTIONAL
            made = shape.field.add(name=field, number=number, label=label)
            made.type = _FIELD.TYPE_MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                made.type_name = f".girih.cel.{kind}"
            if field in _ONE_OF.get(name, ()):
                made.oneof_index = 0
        if name == "Info":
            entry = shape.nested_type.add(name="PositionsEntry")
            entry.options.map_entry = True
            entry.field.add(name="key", number=1, label=_FIELD.LABEL_OPTIONAL, type=_WHOLE)
            entry.field.add(name="value", number=2, label=_FIELD.LABEL_OPTIONAL, type=_FIELD.TYPE_INT32)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("girih.cel.Parsed"))


_PARSED = _parsed_message()
