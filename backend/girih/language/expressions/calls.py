"""Calls of functions and methods, and positions in lists and mappings: what they give, and what is wrong with them."""

from __future__ import annotations

from girih.language.expressions import fields, operations
from girih.language.expressions.cel import ExpressionError, ParseFault, evaluate_expression
from girih.language.expressions.functions import FUNCTIONS, MACROS, METHODS, Signature
from girih.language.expressions.kinds import ANY, WHOLE, field_names, is_kind, item_at, items, kinds, values, words
from girih.language.expressions.names import Finding, Names
from girih.language.expressions.syntax_tree import VISITS, Call, Expr, Literal, spoken
from girih.language.spec.patterns import pattern_fault
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema


class Calls:
    """Types of calls in one text; what is wrong goes to `findings`."""

    def __init__(self, text: str, findings: list[Finding]) -> None:
        self._text = text
        self._findings = findings

    def function(self, expr: Call, parts: tuple[Expr, ...], types: list[JsonSchema]) -> JsonSchema:
        """The type of what a function or a method gives; `parts` are a method's target and the arguments."""
        table = FUNCTIONS if expr.target is None else METHODS
        signature = table.get(expr.function)
        if signature is None:
            self._unknown(expr, table)
            return ANY
        if self._has_faults(expr, signature, parts, types):
            return signature.gives
        for i, part in enumerate(parts):
            if isinstance(part, Literal) and isinstance(part.value, str):
                self._literal(expr, i, part)
        return signature.gives

    def _unknown(self, expr: Call, table: dict[str, Signature]) -> None:
        start = self._text.rfind(expr.function.removeprefix("optional."), 0, expr.at)
        known = [*table, *([VISITS] if expr.target is None else ())]
        near = did_you_mean(expr.function, known)
        way_out = f"did you mean '{near}'?" if near else f"there is: {one_of(known)}"
        message = f"there is no function '{expr.function}'"
        if expr.target is not None and expr.function in MACROS:
            message = f"'{expr.function}' takes the name of an item and what is asked of it"
            way_out = f"write {spoken(expr.target) or 'list'}.{expr.function}(item, …)"
        self._findings.append(Finding("E301", message, max(start, 0), len(expr.function), way_out))

    def _has_faults(self, expr: Call, signature: Signature, parts: tuple[Expr, ...], types: list[JsonSchema]) -> bool:
        before = len(self._findings)
        required = len(signature.takes) - signature.optional
        if not required <= len(parts) <= len(signature.takes):
            counts = [n - (expr.target is not None) for n in range(required, len(signature.takes) + 1)]
            given = " or ".join(map(str, counts))
            message = (
                f"'{expr.function}' takes {given} argument{'' if given == '1' else 's'}, got {len(expr.arguments)}"
            )
            self._report("E302", message, expr, None)
        for part, schema, wants in zip(parts, types, signature.takes, strict=False):
            found = kinds(schema)
            if wants is not None and found is not None and not found <= wants:
                message = f"'{expr.function}' works on {words(wants)}, not on {operations.described(part, schema)}"
                name = spoken(part)
                help_ = (
                    f"ask {name} != null && … first" if name and found - wants == {"null"} and found & wants else None
                )
                self._report("E302", message, part, help_)
        return len(self._findings) > before

    def _literal(self, expr: Call, position: int, part: Literal) -> None:
        """A text that is written out can be looked at already: a pattern, a time, a duration."""
        if expr.function == "matches" and position == 1:
            fault = pattern_fault(part.value)
            if fault is not None:
                self._report("E302", fault, part, None)
        elif expr.function in ("timestamp", "duration", "int", "double", "bool"):
            try:
                evaluate_expression(f"{expr.function}({part.value!r}) == {expr.function}({part.value!r})", {})
            except (ExpressionError, ParseFault):
                example = _EXAMPLES.get(expr.function)
                help_ = f"for example {expr.function}('{example}')" if example else None
                self._report("E302", f"'{part.value}' is no {_NOUNS[expr.function]}", part, help_)

    def visits(self, expr: Call, names: Names) -> JsonSchema:
        """`visits('node')`: how often a node has run; the counts are the fields of the name `visits`."""
        counts = names.type_of(VISITS)
        argument = expr.arguments[0] if len(expr.arguments) == 1 else None
        if counts is None:
            start = max(self._text.rfind(VISITS, 0, expr.at), 0)
            help_ = "conditions and values of nodes may ask it"
            self._findings.append(Finding("E301", "visits are not counted here", start, len(VISITS), help_))
        elif not isinstance(argument, Literal) or not isinstance(argument.value, str):
            message = "'visits' takes the name of a node, written out in quotes"
            self._report(
                "E302", message, argument or expr, f"for example visits('{next(iter(field_names(counts)), 'search')}')"
            )
        elif argument.value not in field_names(counts):
            near = did_you_mean(argument.value, field_names(counts))
            way_out = f"did you mean '{near}'?" if near else f"nodes: {one_of(field_names(counts))}"
            self._report("E201", f"node '{argument.value}' does not exist", argument, way_out)
        return WHOLE

    def position(self, expr: Call, parent: JsonSchema, key_type: JsonSchema) -> JsonSchema:
        """The type of `operand[key]`."""
        operand, key = expr.arguments
        found, wanted = kinds(parent), kinds(key_type)
        if found is not None and not found <= {"array", "object"}:
            self._report("E302", f"{operations.described(operand, parent)} has no positions", operand, None)
        elif is_kind(parent, "object"):
            return self._key(operand, key, parent, wanted)
        elif is_kind(parent, "array"):
            if wanted is not None and not wanted <= {"integer", "number"}:
                self._report("E302", f"a position in a list is a whole number, not {words(wanted)}", key, None)
                return ANY
            return self._item(operand, key, parent)
        return ANY

    def _key(self, operand: Expr, key: Expr, parent: JsonSchema, wanted: frozenset[str] | None) -> JsonSchema:
        if isinstance(key, Literal) and isinstance(key.value, str):
            at = (key.at, len(key.value) + 2)
            inner = fields.look_up(parent, operand, key.value, at, self._findings)
            return inner.schema if inner else ANY
        if wanted is not None and not wanted <= {"string"}:
            self._report("E302", f"a key of a mapping is text, not {words(wanted)}", key, None)
            return ANY
        return values(parent)

    def _item(self, operand: Expr, key: Expr, parent: JsonSchema) -> JsonSchema:
        if not isinstance(key, Literal) or not isinstance(key.value, int) or isinstance(key.value, bool):
            return items(parent)
        if key.value < 0:
            name = spoken(operand) or "list"
            self._report("E302", "positions begin at 0", key, f"the last one is {name}[size({name}) - 1]")
            return ANY
        found = item_at(parent, key.value)
        if found is None:
            message = f"{fields.subject(operand)} has no position {key.value}"
            self._report("E302", message, key, "positions begin at 0")
            return ANY
        return found

    def _report(self, code: str, message: str, expr: Expr, help_: str | None) -> None:
        self._findings.append(Finding(code, message, *fields.span(self._text, expr), help_))


_NOUNS = {
    "timestamp": "time",
    "duration": "duration",
    "int": "whole number",
    "double": "number",
    "bool": "boolean",
}
_EXAMPLES = {"timestamp": "2026-01-31T09:00:00Z", "duration": "1h30m"}
