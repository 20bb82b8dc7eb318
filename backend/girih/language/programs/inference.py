"""The types of a program's expressions, as far as they are certain: what is not known may be anything."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from girih.language.expressions.kinds import (
    ANY,
    BOOLEAN,
    NEVER,
    NUMBER,
    NUMERIC,
    TEXT,
    WHOLE,
    field,
    field_names,
    items,
    kind_of,
    kinds,
    phrase,
    union,
    words,
)
from girih.language.programs.bindings import Binding, Bindings
from girih.language.programs.builtin_types import BUILTINS, CALLS, ITERATES, KEEPS_ITEMS, LIST, METHODS, OBJECT
from girih.language.programs.syntax import Fault, Program
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema

MOST_FAULTS = 50
"""How many type errors of one program are told."""

_MOST_BINDINGS = 64
_OBJECTS = frozenset({"object"})
_TEXTS = frozenset({"string"})
_COUNTABLE = NUMERIC | {"boolean"}
_SIGNS: Mapping[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip


class Inference:
    """Works out types and notes what is certain to fail; each expression once."""

    def __init__(self, program: Program, given: Mapping[str, JsonSchema], bindings: Bindings) -> None:
        self._program = program
        self._given = given
        self._bindings = bindings
        self._types: dict[ast.expr, JsonSchema] = {}
        self._names: dict[str, JsonSchema] = {}
        self.faults: list[Fault] = []

    def fault(self, message: str, node: ast.AST, help: str | None = None) -> None:
        """Note a type error at a part of the program."""
        if len(self.faults) == MOST_FAULTS:
            return
        fault = self._program.fault("E306", message, node, help)
        if fault not in self.faults:
            self.faults.append(fault)

    def type_of(self, node: ast.expr) -> JsonSchema:
        """The type of an expression's value."""
        if node not in self._types:
            self._types[node] = ANY  # for an expression that comes back to itself
            work = getattr(self, f"_{type(node).__name__.lower()}", None)
            self._types[node] = work(node) if work is not None else ANY
        return self._types[node]

    def items_of(self, node: ast.expr) -> JsonSchema:
        """The type of what a loop over an expression's value goes through."""
        have = kinds(self.type_of(node))
        if have and have <= _COUNTABLE | {"null"}:
            self.fault(f"{phrase(self.type_of(node))} cannot be gone through one by one", node, "loop over a list")
            return ANY
        if have == frozenset({"array"}):
            return items(self.type_of(node))
        return TEXT if have == frozenset({"string"}) else ANY

    # --- values

    def _constant(self, node: ast.Constant) -> JsonSchema:
        if isinstance(node.value, str | bool):
            return {"const": node.value}
        return {"type": kind_of(node.value)} if node.value is None or isinstance(node.value, int | float) else ANY

    def _joinedstr(self, _: ast.JoinedStr) -> JsonSchema:
        return TEXT

    def _list(self, node: ast.List | ast.Tuple) -> JsonSchema:
        if not node.elts or any(isinstance(part, ast.Starred) for part in node.elts):
            return LIST
        return {"type": "array", "items": union([_wide(self.type_of(part)) for part in node.elts])}

    _tuple = _list

    def _listcomp(self, node: ast.ListComp) -> JsonSchema:
        for part in node.generators:
            self.items_of(part.iter)
        return {"type": "array", "items": _wide(self.type_of(node.elt))}

    def _dict(self, node: ast.Dict) -> JsonSchema:
        names = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if not all(isinstance(name, str) for name in names):
            return OBJECT
        fields = {name: self.type_of(value) for name, value in zip(names, node.values, strict=True)}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

    def _dictcomp(self, _: ast.DictComp) -> JsonSchema:
        return OBJECT

    # --- names

    def _name(self, node: ast.Name) -> JsonSchema:
        known = node.id in self._given or node.id in self._bindings.found
        if isinstance(node.ctx, ast.Load) and not known and node.id not in BUILTINS:
            options = [*self._given, *self._bindings.found]
            near = did_you_mean(node.id, options)
            way_out = f"did you mean '{near}'?" if near else f'pass it under with: as {node.id}: "${{ … }}"'
            self.fault(f"there is no '{node.id}' here", node, way_out)
        return self._named(node.id) if known else ANY

    def _named(self, name: str) -> JsonSchema:
        if name not in self._names:
            bindings = self._bindings.found.get(name, [])
            if len(bindings) > _MOST_BINDINGS:
                self._names[name] = ANY
                return ANY
            self._names[name] = NEVER  # what a name gets from itself adds nothing
            found = [self._bound(binding) for binding in bindings]
            given = [self._given[name]] if name in self._given else []
            together = union([*given, *found])
            self._names[name] = _open(together) if name in self._bindings.changed else together
        return self._names[name]

    def _bound(self, binding: Binding) -> JsonSchema:
        source = binding.source
        if binding.how == "changed" and isinstance(source, ast.AugAssign):
            target = self._named(source.target.id) if isinstance(source.target, ast.Name) else ANY
            return self._operated(source, source.op, target, self.type_of(source.value))
        if not isinstance(source, ast.expr):
            return ANY
        return self.items_of(source) if binding.how == "item" else self.type_of(source)

    # --- operations

    def _binop(self, node: ast.BinOp) -> JsonSchema:
        return self._operated(node, node.op, self.type_of(node.left), self.type_of(node.right))

    def _operated(self, node: ast.AST, op: ast.operator, left: JsonSchema, right: JsonSchema) -> JsonSchema:
        if NEVER in (left, right):
            return right if left == NEVER else left
        one, two = kinds(left), kinds(right)
        if not one or not two or type(op) not in _SIGNS:
            return ANY
        if one <= _COUNTABLE and two <= _COUNTABLE:
            is_whole = one | two <= {"integer", "boolean"} and not isinstance(op, ast.Div | ast.Pow)
            return WHOLE if is_whole else NUMBER
        if isinstance(op, ast.Mod) and one == {"string"}:
            return TEXT
        if isinstance(op, ast.Mult) and one | two <= {"string", "array", "integer", "boolean"}:
            return ANY
        if isinstance(op, ast.Add) and one == two and one in ({"string"}, {"array"}):
            return TEXT if one == {"string"} else union([left, right]) if left == right else LIST
        if len(one) == 1 and len(two) == 1:
            self._no_operation(node, op, left, right)
        return ANY

    def _no_operation(self, node: ast.AST, op: ast.operator, left: JsonSchema, right: JsonSchema) -> None:
        sign, sides = _SIGNS[type(op)], (kinds(left), kinds(right))
        way_out = None
        if isinstance(op, ast.Add) and frozenset({"string"}) in sides:
            way_out = 'turn the other side into text with str(…), or write f"{…}"'
        self.fault(f"'{sign}' cannot combine {words(kinds(left))} with {words(kinds(right))}", node, way_out)

    def _compare(self, node: ast.Compare) -> JsonSchema:
        sides = [node.left, *node.comparators]
        for op, left, right in zip(node.ops, sides, sides[1:], strict=False):
            one, two = kinds(self.type_of(left)), kinds(self.type_of(right))
            is_order = isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE)
            if is_order and one and two and len(one | two) > 1 and not one | two <= _COUNTABLE and not one & two:
                self.fault(
                    f"{words(one)} cannot be ordered against {words(two)}", node, "turn one into the other first"
                )
        return BOOLEAN

    def _unaryop(self, node: ast.UnaryOp) -> JsonSchema:
        have = kinds(self.type_of(node.operand))
        if isinstance(node.op, ast.Not):
            return BOOLEAN
        return (WHOLE if have <= {"integer", "boolean"} else NUMBER) if have and have <= _COUNTABLE else ANY

    def _boolop(self, node: ast.BoolOp) -> JsonSchema:
        return union([self.type_of(part) for part in node.values])

    def _ifexp(self, node: ast.IfExp) -> JsonSchema:
        return union([self.type_of(node.body), self.type_of(node.orelse)])

    # --- parts

    def _subscript(self, node: ast.Subscript) -> JsonSchema:
        owner, key = self.type_of(node.value), node.slice
        have = kinds(owner)
        if not isinstance(node.ctx, ast.Load) or not have or len(have) != 1:
            return ANY
        if isinstance(key, ast.Slice):
            return _wide(owner) if have <= {"string", "array"} else ANY
        if have == _OBJECTS:
            return self._field(owner, key)
        if have <= {"string", "array"}:
            asked = kinds(self.type_of(key))
            if asked == _TEXTS:
                way_out = "take one item first, as in items[0], or loop over them" if have == {"array"} else None
                self.fault(f"{phrase(_wide(owner))} is taken apart by number, not by name", key, way_out)
            return TEXT if have == {"string"} else items(owner)
        self.fault(f"{phrase(owner)} has no parts", node)
        return ANY

    def _field(self, owner: JsonSchema, key: ast.expr) -> JsonSchema:
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            return ANY
        found = field(owner, key.value)
        if found is None:
            self._no_field(key, key.value, owner)
        return found.schema if found is not None else ANY

    def _no_field(self, node: ast.AST, name: str, owner: JsonSchema) -> None:
        known = field_names(owner)
        near = did_you_mean(name, known)
        listed = f"fields: {one_of(known)}" if known else None
        self.fault(f"there is no field '{name}'", node, f"did you mean '{near}'? {listed}" if near else listed)

    def _attribute(self, node: ast.Attribute) -> JsonSchema:
        owner = self.type_of(node.value)
        have = kinds(owner)
        if not have or len(have) != 1 or node.attr in METHODS[next(iter(have))]:
            return ANY
        kind = next(iter(have))
        if kind == "object" and field(owner, node.attr) is not None:
            self.fault(f"a field is not read with '.{node.attr}'", node, f'write ["{node.attr}"]')
        else:
            near = did_you_mean(node.attr, METHODS[kind])
            self.fault(
                f"{phrase(_wide(owner))} has no '{node.attr}'", node, f"did you mean '{near}'?" if near else None
            )
        return ANY

    def _call(self, node: ast.Call) -> JsonSchema:
        function = node.func
        if isinstance(function, ast.Attribute):
            self.type_of(function)
            have = kinds(self.type_of(function.value))
            gives = METHODS[next(iter(have))].get(function.attr, ANY) if have and len(have) == 1 else ANY
            return gives if function.attr != "get" else self._got(node, function)
        if isinstance(function, ast.Name) and function.id not in {*self._given, *self._bindings.found}:
            return self._built_in(node, function.id)
        return ANY

    def _got(self, node: ast.Call, function: ast.Attribute) -> JsonSchema:
        """`.get(name)` gives null where there is nothing."""
        owner, key = self.type_of(function.value), node.args[0] if node.args else None
        if kinds(owner) != _OBJECTS or not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            return ANY
        found = field(owner, key.value)
        if found is None:
            self._no_field(key, key.value, owner)
            return ANY
        otherwise = self.type_of(node.args[1]) if len(node.args) > 1 else {"type": "null"}
        return found.schema if found.always else union([found.schema, otherwise])

    def _built_in(self, node: ast.Call, name: str) -> JsonSchema:
        first = node.args[0] if node.args and not isinstance(node.args[0], ast.Starred) else None
        if first is None:
            return CALLS.get(name, ANY)
        have = kinds(self.type_of(first))
        if name == "len" and have and have <= _COUNTABLE | {"null"}:
            self.fault(f"{phrase(self.type_of(first))} has no length", first)
        if name in ITERATES:
            inner = self.items_of(first)
            return {"type": "array", "items": inner} if name in KEEPS_ITEMS else CALLS.get(name, ANY)
        if name in ("abs", "round") and have and have <= {"integer"}:
            return WHOLE
        return WHOLE if name == "round" and len(node.args) == 1 and not node.keywords else CALLS.get(name, ANY)


def _wide(schema: JsonSchema) -> JsonSchema:
    """A literal's type without its value."""
    return {"type": kind_of(schema["const"])} if "const" in schema else schema


def _open(schema: JsonSchema) -> JsonSchema:
    """The type of data that may have been changed: only its kind is sure."""
    have = kinds(schema)
    return {"type": sorted(have)} if have else ANY
