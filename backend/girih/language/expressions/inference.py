"""The type of an expression, worked out over its tree with the graph's own JSON Schemas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from girih.language.expressions import fields, operations
from girih.language.expressions.functions import FUNCTIONS, METHODS, OPERATORS, Signature
from girih.language.expressions.guards import guarded
from girih.language.expressions.kinds import ANY, BOOLEAN, NEVER, is_kind, items, kind_of, kinds, union, words
from girih.language.expressions.names import Finding, Names
from girih.language.expressions.syntax_tree import Call, Expr, Field, ListOf, Literal, Loop, MapOf, Name, spoken
from girih.language.spec.suggest import did_you_mean, one_of
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


class Inference:
    """One expression's types. A part with a fault is of any type from there on, so that one fault is told once."""

    def __init__(self, text: str, names: Names) -> None:
        self.findings: list[Finding] = []
        self._text = text
        self._names = names
        self._bound: dict[str, JsonSchema] = {}
        self._known: frozenset[str] = frozenset()
        self._depth = 0

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
                return Typed(self._name(expr, alone=True))
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
        if schema is None:
            fields.unknown_name(self._names.names(), expr, self._report)
            return ANY
        reason = self._names.why_unset(expr.name) if alone else None
        if reason is not None:
            self._report("E203", f"'{expr.name}' may be unset: {reason}", expr, f"use {expr.name}.?field.orValue(…)")
        return schema

    def _field(self, expr: Field) -> Typed:
        root = isinstance(expr.operand, Name) and expr.operand.name not in self._bound
        if isinstance(expr.operand, Name):
            parent = Typed(self._name(expr.operand, alone=False))
        else:
            parent = self._type(expr.operand)
        found = fields.look_up(parent.schema, expr.operand, expr.name, self._at(expr), self.findings)
        if found is None:
            return _UNKNOWN
        if expr.test:
            return Typed(BOOLEAN)
        if expr.optional or parent.optional:
            return Typed(found.schema, optional=True)
        if not self._is_known(expr):
            self._unset(expr, root=root, always=found.always)
        return Typed(found.schema)

    def _unset(self, expr: Field, *, root: bool, always: bool) -> None:
        name = spoken(expr) or expr.name
        reason = self._names.why_unset(expr.operand.name) if root and isinstance(expr.operand, Name) else None
        if reason is None and not always:
            parent = spoken(expr.operand)
            reason = f"it is an optional {'input' if parent == 'inputs' else 'field'}"
        if reason is not None:
            way_out = f"use {spoken(expr.operand) or '…'}.?{expr.name}.orValue(…)"
            self._report("E203", f"'{name}' may be unset: {reason}", expr, way_out)

    def _is_known(self, expr: Field) -> bool:
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
        before = self._bound
        self._bound = before | {name: schema}
        self._depth += 1
        try:
            yield
        finally:
            self._bound = before
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
        before = self._known
        self._known = before | guarded(condition, truth=truth)
        try:
            yield
        finally:
            self._known = before

    def _boolean(self, expr: Expr, asked_by: str) -> None:
        schema = self.result(expr)
        if kinds(schema) not in (None, {"boolean"}):
            message = f"'{asked_by}' needs true or false, not {operations.described(expr, schema)}"
            self._report("E302", message, expr, "compare it with something")

    def _index(self, expr: Call) -> Typed:
        operand, key = expr.arguments
        parent = self._type(operand)
        wanted = kinds(self.result(key))
        optional = expr.function == "_[?_]" or parent.optional
        found = kinds(parent.schema)
        if is_kind(parent.schema, "object") and isinstance(key, Literal) and isinstance(key.value, str):
            at = (key.at, len(key.value) + 2)
            inner = fields.look_up(parent.schema, operand, key.value, at, self.findings)
            return Typed(inner.schema if inner else ANY, optional)
        if found is not None and not found <= {"array", "object"}:
            self._report("E302", f"{operations.described(operand, parent.schema)} has no positions", operand, None)
            return _UNKNOWN
        if is_kind(parent.schema, "array") and wanted is not None and not wanted <= {"integer"}:
            self._report("E302", f"a position in a list is a whole number, not {words(wanted)}", key, None)
        return Typed(items(parent.schema) if is_kind(parent.schema, "array") else ANY, optional)

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
        table = FUNCTIONS if expr.target is None else METHODS
        parts = (*((expr.target,) if expr.target is not None else ()), *expr.arguments)
        types = [self.result(part) for part in parts]
        signature = table.get(expr.function)
        start = self._text.rfind(expr.function.removeprefix("optional."), 0, expr.at)
        if signature is None:
            near = did_you_mean(expr.function, table)
            way_out = f"did you mean '{near}'?" if near else f"there is: {one_of(table)}"
            at = (max(start, 0), len(expr.function))
            self.findings.append(Finding("E301", f"there is no function '{expr.function}'", *at, way_out))
            return _UNKNOWN
        self._arguments(expr, signature, parts, types)
        if expr.function.startswith("optional."):
            return Typed(types[0] if types else NEVER, optional=True)
        return Typed(signature.gives)

    def _arguments(self, expr: Call, signature: Signature, parts: tuple[Expr, ...], types: list[JsonSchema]) -> None:
        if len(parts) != len(signature.takes):
            given = len(signature.takes) - (expr.target is not None)
            message = f"'{expr.function}' takes {given} argument{'' if given == 1 else 's'}, got {len(expr.arguments)}"
            self._report("E302", message, expr, None)
            return
        for part, schema, wants in zip(parts, types, signature.takes, strict=True):
            found = kinds(schema)
            if wants is not None and found is not None and not found <= wants:
                message = f"'{expr.function}' works on {words(wants)}, not on {operations.described(part, schema)}"
                self._report("E302", message, part, None)

    # --- places

    def _report(self, code: str, message: str, expr: Expr, help_: str | None) -> None:
        self.findings.append(Finding(code, message, *fields.span(self._text, expr), help_))

    def _at(self, expr: Field) -> tuple[int, int]:
        start = self._text.find(expr.name, expr.at)
        return (start, len(expr.name)) if start >= 0 else (expr.at, 1)
