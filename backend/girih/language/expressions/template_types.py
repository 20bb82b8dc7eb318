"""The types of expressions in prompt files; what is not known is of any type, and nothing is said about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from girih.language.expressions import fields
from girih.language.expressions.kinds import ANY, BOOLEAN, NUMBER, TEXT, choices, is_kind, items, kind_of, union
from girih.language.expressions.names import Finding
from girih.language.expressions.template_filters import DEFAULTS, filter_faults, given, test_faults
from girih.language.expressions.template_guards import Guards, guarded
from girih.language.expressions.template_members import member_faults, member_type
from girih.language.expressions.template_tree import (
    Call,
    Choice,
    Constant,
    Expr,
    Filtered,
    Member,
    Operation,
    Tested,
    Variable,
    parts,
    spoken,
)
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema

_TRUTHS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in", "not"})


class Types:
    """The types of names at one place of a prompt file, and the findings of all that was looked at.

    `dead` holds comparisons that can never be true with these types: for a file that several nodes use they are faults
    only when all uses agree.
    """

    def __init__(self, types: Mapping[str, JsonSchema]) -> None:
        self.findings: list[Finding] = []
        self.dead: list[Finding] = []
        self._types: dict[str, JsonSchema] = dict(types)
        self._guards = Guards()

    def bind(self, name: str, schema: JsonSchema) -> None:
        """From here on a name means a value of this type."""
        self._types[name] = schema
        self._guards = self._guards.without(name)

    @contextmanager
    def scope(self, bound: Mapping[str, JsonSchema]) -> Iterator[None]:
        """Names that mean something only here."""
        types, guards = self._types, self._guards
        self._types = dict(types)
        for name, schema in bound.items():
            self.bind(name, schema)
        try:
            yield
        finally:
            self._types, self._guards = types, guards

    @contextmanager
    def knowing(self, condition: Expr | None, *, truth: bool) -> Iterator[None]:
        """Where the condition is `truth`."""
        before = self._guards
        self._guards = before if condition is None else before.also(guarded(condition, truth=truth))
        try:
            yield
        finally:
            self._guards = before

    def type_of(self, expr: Expr) -> JsonSchema:
        """The type of an expression; what is wrong in it goes to the findings."""
        if spoken(expr) in self._guards.asked:
            return ANY
        match expr:
            case Constant():
                return {"const": expr.value} if isinstance(expr.value, str) else {"type": kind_of(expr.value)}
            case Variable():
                return self._types.get(expr.name, ANY)
            case Member():
                return self._member(expr)
            case Filtered():
                return self._filtered(expr)
            case Operation():
                return self._operation(expr)
            case _:
                return self._other(expr)

    def _other(self, expr: Expr) -> JsonSchema:
        match expr:
            case Choice():
                return self._choice(expr)
            case Tested():
                self.findings += test_faults(expr)
                self._may_lack(expr.operand, lax=expr.name in ("defined", "undefined"))
                self._each(expr.arguments)
                return BOOLEAN
            case Call(function=Member() as method):
                self._each((method.operand, *expr.arguments))
                return ANY
            case _:
                self._each(parts(expr))
                return ANY

    def _each(self, exprs: tuple[Expr, ...]) -> list[JsonSchema]:
        return [self.type_of(expr) for expr in exprs]

    def _choice(self, expr: Choice) -> JsonSchema:
        self.type_of(expr.condition)
        with self.knowing(expr.condition, truth=True):
            then = self.type_of(expr.then)
        if expr.other is None:
            return ANY
        with self.knowing(expr.condition, truth=False):
            return union([then, self.type_of(expr.other)])

    def _member(self, expr: Member, *, lax: bool = False) -> JsonSchema:
        parent = self.type_of(expr.operand)
        if isinstance(expr.key, str) and not lax and not self._guards.has(spoken(expr)):
            self.findings += member_faults(expr, expr.key, parent)
        return member_type(parent, expr.key)

    def _may_lack(self, expr: Expr, *, lax: bool) -> JsonSchema:
        """The type of an operand which, when `lax`, may be without a value."""
        return self._member(expr, lax=lax) if isinstance(expr, Member) and lax else self.type_of(expr)

    def _filtered(self, expr: Filtered) -> JsonSchema:
        operand = ANY if expr.operand is None else self._may_lack(expr.operand, lax=expr.name in DEFAULTS)
        arguments = self._each(expr.arguments)
        self._each(tuple(value for _, value in expr.keywords))
        self.findings += filter_faults(expr, operand)
        return given(expr.name, operand, arguments)

    def _operation(self, expr: Operation) -> JsonSchema:
        if expr.sign in ("and", "or"):
            left = self.type_of(expr.operands[0])
            with self.knowing(expr.operands[0], truth=expr.sign == "and"):
                return union([left, self.type_of(expr.operands[1])])
        types = self._each(expr.operands)
        if expr.sign in ("==", "!="):
            self.dead += _never_equal(expr, types)
        if expr.sign in _TRUTHS:
            return BOOLEAN
        if expr.sign in ("[]", "[:]"):
            known = types[0] if is_kind(types[0], "array") else ANY
            return known if expr.sign == "[:]" else items(known)
        return TEXT if expr.sign == "~" else ANY if expr.sign in ("+", "*") else NUMBER


def _never_equal(expr: Operation, types: list[JsonSchema]) -> Iterator[Finding]:
    """A text compared with a closed list of texts must be one of them."""
    left, right = expr.operands
    for literal, other, schema in ((right, left, types[0]), (left, right, types[1])):
        allowed = choices(schema) if not isinstance(other, Constant) else None
        if isinstance(literal, Constant) and isinstance(literal.value, str) and allowed:
            if literal.value in allowed:
                continue
            texts = [value for value in allowed if isinstance(value, str)]
            near = did_you_mean(literal.value, texts)
            guess = f"did you mean '{near}'? " if near else ""
            message = f"{fields.named(spoken(other))} is never '{literal.value}'"
            help_ = f"{guess}it is one of: {one_of(texts)}"
            yield Finding("E302", message, literal.at, literal.end - literal.at, help_)
