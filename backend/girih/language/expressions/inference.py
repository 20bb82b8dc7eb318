"""The type of an expression, worked out over its tree with the graph's own JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from girih.language.expressions import fields, operations
from girih.language.expressions.calls import Calls
from girih.language.expressions.composed import without_null
from girih.language.expressions.functions import OPERATORS
from girih.language.expressions.guards import guarded, solid
from girih.language.expressions.kinds import ANY, BOOLEAN, NEVER, items, kind_of, kinds, union
from girih.language.expressions.names import Finding, Names
from girih.language.expressions.syntax_tree import VISITS, Call, Expr, Field, ListOf, Literal, Loop, MapOf, Name, spoken
from girih.language.spec.tree import JsonSchema


@dataclass(frozen=True)
class Typed:
    """A type; `optional` when there may be no value of it (`a.?b` before `.orValue(…)`)."""

    schema: JsonSchema
    optional: bool = False


_UNKNOWN = Typed(ANY)
_OPTIONAL_METHODS = ("orValue", "or", "hasValue", "value")


def _literal(value: object) -> JsonSchema:
    if isinstance(value, bytes):
        return {"type": "bytes"}  # no type of JSON: it fits nowhere but beside other bytes
    return {"const": value} if isinstance(value, str) else {"type": kind_of(value)}


def _is_of(name: str, path: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


class Inference:
    """One expression's types. A part with a fault is of any type from there on, so that one fault is told once."""

    def __init__(self, text: str, names: Names) -> None:
        self.findings: list[Finding] = []
        self._text = text
        self._names = names
        self._bound: dict[str, JsonSchema] = {}
        self._known: frozenset[str] = frozenset()
        self._not_nulls: frozenset[str] = frozenset()
        self._calls = Calls(text, self.findings)
        self._depth = 0
        self._after = ""  # the fields asked of the one that is looked at

    def result(self, expr: Expr) -> JsonSchema:
        """The type of a value that must be there."""
        typed = self._type(expr)
        if typed.optional:
            self._report("E302", f"{fields.subject(expr)} may have no value", expr, "add .orValue(…)")
            return ANY
        return typed.schema

    def _type(self, expr: Expr) -> Typed:
        match expr:
            case Literal():
                return Typed(_literal(expr.value))
            case Name():
                return Typed(self._solid(expr, self._name(expr, alone=True)))
            case Field():
                return self._field(expr)
            case ListOf():
                return Typed({"type": "array", "items": union([self.result(item) for item in expr.items])})
            case MapOf():
                return Typed(self._map(expr))
            case Loop():
                return self._loop(expr)
            case Call():
                return self._call(expr)

    # --- names and fields

    def _name(self, expr: Name, *, alone: bool) -> JsonSchema:
        if expr.name in self._bound:
            return self._bound[expr.name]
        schema = self._names.type_of(expr.name)
        if schema is not None and expr.name == VISITS:
            self._report("E201", "'visits' is a function", expr, "write visits('node')")
            return ANY
        if schema is None:
            fields.unknown_name(self._names, expr, self._report)
            return ANY
        reason = self._names.why_unset(expr.name) if alone else None
        if reason is not None:
            self._report("E203", f"'{expr.name}' may be unset: {reason}", expr, f"use {expr.name}.?field.orValue(…)")
        return schema

    def _field(self, expr: Field) -> Typed:
        after, self._after = self._after, ""
        if isinstance(expr.operand, Field) and not expr.test:
            self._after = f"{'.?' if expr.optional else '.'}{expr.name}{after}"
        root = isinstance(expr.operand, Name) and expr.operand.name not in self._bound
        if isinstance(expr.operand, Name):
            parent = Typed(self._solid(expr.operand, self._name(expr.operand, alone=False)))
        else:
            parent = self._type(expr.operand)
        self._not_null(parent.schema, expr.operand, expr)
        found = fields.look_up(parent.schema, expr.operand, expr.name, self._at(expr), self.findings)
        if found is None:
            return _UNKNOWN
        if expr.test:
            return Typed(BOOLEAN)
        if expr.optional or parent.optional:
            return Typed(found.schema, optional=True)
        if not self._is_known(expr):
            self._unset(expr, after, root=root, always=found.always)
        return Typed(self._solid(expr, found.schema))

    def _solid(self, expr: Expr, schema: JsonSchema) -> JsonSchema:
        """The type of an expression, without null where a condition has seen to that."""
        return without_null(schema) if self._not_nulls and spoken(expr) in self._not_nulls else schema

    def _not_null(self, parent: JsonSchema, operand: Expr, expr: Expr) -> None:
        """Nothing can be asked of null, not even whether it has a field."""
        found = kinds(parent)
        if found is not None and "null" in found and len(found) > 1:
            name = spoken(operand)
            way_out = f"ask {name or '…'} != null && … first"
            self._report("E203", f"{fields.named(name)} may be null, which has no fields", expr, way_out)

    def _unset(self, expr: Field, after: str, *, root: bool, always: bool) -> None:
        reason = self._names.why_unset(expr.operand.name) if root and isinstance(expr.operand, Name) else None
        parent = spoken(expr.operand)
        way_out = f"use {parent or '…'}.?{expr.name}{after}.orValue(…)"
        if reason is None and not always:
            reason = f"it is an optional {'input' if parent == 'inputs' else 'field'}"
            if parent == "errors":
                reason = "not every path here comes from that failure"
            if parent == "state":
                reason, way_out = "it has no default, and not every path writes it", f"{way_out}, or give it a default"
        if reason is not None:
            name = spoken(expr) or expr.name
            self._report("E203", f"'{name}' may be unset: {reason}", expr, way_out)

    def _is_known(self, expr: Field) -> bool:
        if not self._known:
            return False
        name = spoken(expr)
        return name is not None and any(f"{known}.".startswith(f"{name}.") for known in self._known)

    # --- data

    def _map(self, expr: MapOf) -> JsonSchema:
        properties: dict[str, JsonSchema] = {}
        for key, value in expr.entries:
            schema = self.result(value)
            if isinstance(key, Literal) and isinstance(key.value, str):
                properties[key.value] = schema
            elif kinds(self.result(key)) not in (None, {"string"}):
                self._report("E302", "a key must be text", key, None)
        if len(properties) < len(expr.entries):
            return {"type": "object"}
        return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}

    def _loop(self, expr: Loop) -> Typed:
        over = self.result(expr.over)
        found = kinds(over)
        if expr.macro in ("optMap", "optFlatMap"):
            inner = over
        elif found is not None and not found <= {"array", "object"}:
            message = f"'{expr.macro}' goes over a list, not over {operations.described(expr.over, over)}"
            self._report("E302", message, expr.over, None)
            inner = ANY
        else:
            inner = items(over)
        with self._variable(expr.variable, inner):
            if expr.condition is not None:
                self._boolean(expr.condition, expr.macro)
            element = self.result(expr.element) if expr.element is not None and expr.macro != "optFlatMap" else None
            flat = self._type(expr.element) if expr.element is not None and element is None else None
        if flat is not None:
            return flat
        if expr.macro == "optMap":
            return Typed(element or ANY)
        if expr.macro in ("map", "filter"):
            return Typed({"type": "array", "items": inner if element is None else element})
        return Typed(BOOLEAN)

    @contextmanager
    def _variable(self, name: str, schema: JsonSchema) -> Iterator[None]:
        before = self._bound, self._known, self._not_nulls
        self._bound = self._bound | {name: schema}
        # What conditions outside have said of this name they have said of something else.
        self._known, self._not_nulls = (frozenset(p for p in known if not _is_of(name, p)) for known in before[1:])
        self._depth += 1
        try:
            yield
        finally:
            self._bound, self._known, self._not_nulls = before
            self._depth -= 1

    # --- calls

    def _call(self, expr: Call) -> Typed:
        function = expr.function
        if function in ("_&&_", "_||_"):
            left, right = expr.arguments
            self._boolean(left, OPERATORS[function])
            with self._knowing(left, truth=function == "_&&_"):
                self._boolean(right, OPERATORS[function])
            return Typed(BOOLEAN)
        if function == "!_":
            self._boolean(expr.arguments[0], "!")
            return Typed(BOOLEAN)
        if function == "_?_:_":
            return self._choice(expr)
        if function in ("_[_]", "_[?_]"):
            return self._index(expr)
        if function in OPERATORS:
            return self._operation(expr)
        if expr.target is not None and function in _OPTIONAL_METHODS:
            return self._optional(expr, expr.target)
        return self._function(expr)

    def _operation(self, expr: Call) -> Typed:
        types = [self.result(argument) for argument in expr.arguments]
        outcome = operations.operate(expr, types, in_macro=self._depth > 0)
        if outcome.message is not None:
            code = "E304" if outcome.schema is None else "E302"
            sign = (expr.at, len(OPERATORS[expr.function]))
            place = fields.span(self._text, outcome.where) if outcome.where is not None else sign
            self.findings.append(Finding(code, outcome.message, *place, outcome.help))
        return Typed(outcome.schema if outcome.schema is not None else ANY)

    def _choice(self, expr: Call) -> Typed:
        condition, then, other = expr.arguments
        self._boolean(condition, "? :")
        with self._knowing(condition, truth=True):
            left = self._type(then)
        with self._knowing(condition, truth=False):
            right = self._type(other)
        return Typed(union([left.schema, right.schema]), left.optional or right.optional)

    @contextmanager
    def _knowing(self, condition: Expr, *, truth: bool) -> Iterator[None]:
        before = self._known, self._not_nulls
        self._known = self._known | guarded(condition, truth=truth)
        self._not_nulls = self._not_nulls | solid(condition, truth=truth)
        try:
            yield
        finally:
            self._known, self._not_nulls = before

    def _boolean(self, expr: Expr, asked_by: str) -> None:
        schema = self.result(expr)
        if kinds(schema) not in (None, {"boolean"}):
            message = f"'{asked_by}' needs true or false, not {operations.described(expr, schema)}"
            self._report("E302", message, expr, "compare it with something")

    def _index(self, expr: Call) -> Typed:
        operand, key = expr.arguments
        parent = self._type(operand)
        optional = expr.function == "_[?_]" or parent.optional
        key_type = self.result(key)
        self._not_null(parent.schema, operand, expr)
        schema = self._calls.position(expr, without_null(parent.schema), key_type)
        return Typed(self._solid(expr, schema), optional)

    def _optional(self, expr: Call, target: Expr) -> Typed:
        typed = self._type(target)
        given = [self._type(argument) for argument in expr.arguments]
        if not typed.optional and kinds(typed.schema) is not None:
            name = spoken(target)
            way_out = f"write {'.?'.join(name.rsplit('.', 1))}.{expr.function}(…)" if name and "." in name else None
            self._report("E302", f"'{expr.function}' needs an optional field", target, way_out)
        if expr.function == "hasValue":
            return Typed(BOOLEAN)
        if expr.function == "value":
            return Typed(typed.schema)
        return Typed(union([typed.schema, *(g.schema for g in given)]), optional=expr.function == "or")

    def _function(self, expr: Call) -> Typed:
        if expr.function == VISITS and expr.target is None:
            return Typed(self._calls.visits(expr, self._names))
        parts = (*((expr.target,) if expr.target is not None else ()), *expr.arguments)
        types = [self.result(part) for part in parts]
        gives = self._calls.function(expr, parts, types)
        if expr.function.startswith("optional."):
            return Typed(types[0] if types else NEVER, optional=True)
        return Typed(gives)

    # --- places

    def _report(self, code: str, message: str, expr: Expr, help_: str | None) -> None:
        self.findings.append(Finding(code, message, *fields.span(self._text, expr), help_))

    def _at(self, expr: Field) -> tuple[int, int]:
        start = self._text.find(expr.name, expr.at)
        return (start, len(expr.name)) if start >= 0 else (expr.at, 1)
