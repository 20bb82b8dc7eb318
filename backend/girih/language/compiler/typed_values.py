"""Types of data with `${ … }` in it, and whether it fits the place it is written at."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from girih.language.expressions.check import check_expression
from girih.language.expressions.kinds import (
    ANY,
    TEXT,
    choices,
    field,
    field_names,
    items,
    kind_of,
    kinds,
    misfit,
    phrase,
    union,
)
from girih.language.expressions.names import Finding, Names
from girih.language.expressions.values import Expression, Unterminated, expressions_in
from girih.language.nodes.base import object_of
from girih.language.spec.conform import contract
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema, JsonValue, Path
from girih.language.spec.words import found

MOST_EXPRESSIONS = 100
"""How many `${ … }` one text may hold."""

_REFERENCE = re.compile(r"\s*([a-z][a-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)[A-Za-z0-9_.\[\]]*\s*")
"""A text that is written as nothing but a reference to a field: `search.hits`, `inputs.items[0].name`."""

_BRACED = re.compile(r"(?<!\$)\{\{?\s*([a-z][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_.]*)\s*\}\}?")
"""How other templates write a reference: `{{ inputs.name }}`, `{inputs.name}`."""

OnExpression = Callable[[Path, int, Finding], None]
"""Takes a finding in the expression that begins at an offset of the text at a path."""

OnValue = Callable[[str, str, str | None, Path, Expression | None], None]
"""Takes code, message, help and place of a value that does not fit, and the expression that gives it, if one does."""


@dataclass(frozen=True)
class Contract:
    """Who asks for the fields of a mapping: a tool or a graph, and what it calls them."""

    name: str
    noun: str


@dataclass(frozen=True)
class Values:
    """Works out and checks values where `names` may be used."""

    names: Names
    on_expression: OnExpression
    on_value: OnValue

    def type_of(self, value: JsonValue, path: Path = ()) -> JsonSchema:
        """The type of a value; faults of its expressions are reported."""
        return self._typed(value, path)[0]

    def fit(
        self, value: JsonValue, wants: JsonSchema, path: Path, label: str, contract: Contract | None = None
    ) -> None:
        """Report whatever is wrong with the value and whatever keeps it from being what the place wants."""
        if (
            isinstance(value, dict)
            and "object" in (kinds(wants) or ())
            and not (wants.get("anyOf") or wants.get("oneOf"))
        ):
            self._fit_fields(value, wants, path, label, contract)
        elif isinstance(value, list) and "array" in (kinds(wants) or ()):
            for i, item in enumerate(value):
                self.fit(item, items(wants), (*path, i), f"item {i + 1} of {label}")
        elif isinstance(value, str) and (way_out := self._meant(value)) and (fault := _literal_fault(value, wants)):
            self.on_value("E202", f"{label} expects {fault}, got {found(value)}", way_out, path, None)
        else:
            got, expression, is_sound = self._typed(value, path)
            if is_sound:
                self._compare(value, got, wants, path, label, expression)

    def _meant(self, text: str) -> str | None:
        """The expression that a plain text was meant to be: the field of something that is known here."""
        reference = _REFERENCE.fullmatch(text)
        if reference is None or reference[1] not in self.names.names():
            return None
        known = field(self.names.type_of(reference[1]) or ANY, reference[2])
        return f"did you mean ${{ {text.strip()} }}?" if known is not None else None

    def _warn_of_plain(self, text: str, path: Path, *, is_plain: bool) -> None:
        """Report what was probably meant as an expression: a bare reference, or the braces of other templates."""
        bare = [(text.strip(), self._meant(text))] if is_plain else []
        for what, way_out in (*bare, *((braced[0], self._meant(braced[1])) for braced in _BRACED.finditer(text))):
            if way_out is not None:
                self.on_value("W204", f"'{what}' is plain text here", way_out, path, None)
                return

    def _fit_fields(
        self, value: dict[str, JsonValue], wants: JsonSchema, path: Path, label: str, contract: Contract | None
    ) -> None:
        who, noun = (contract.name, contract.noun) if contract else (label, "field")
        code = "E402" if contract else "E202"
        known = field_names(wants)
        misspelt = {did_you_mean(name, known) for name in value if field(wants, name) is None}
        for name, item in value.items():
            inner = field(wants, name)
            if inner is None:
                near = did_you_mean(name, [n for n in known if n not in value])
                way_out = f"did you mean '{near}'?" if near else f"{noun}s: {one_of(known)}" if known else None
                self.on_value(code, f"{who} has no {noun} '{name}'", way_out, (*path, name, "[key]"), None)
                self.type_of(item, (*path, name))
            else:
                self.fit(item, inner.schema, (*path, name), name if contract else f"{label}.{name}")
        for name in wants.get("required", ()):
            if name not in value and name not in misspelt:
                message = f"{who} requires {noun} '{name}' ({phrase((wants.get('properties') or {}).get(name, ANY))})"
                self.on_value(code, message, f"add {name}: …", (*path, "[key]"), None)

    def _compare(
        self,
        value: JsonValue,
        got: JsonSchema,
        wants: JsonSchema,
        path: Path,
        label: str,
        expression: Expression | None,
    ) -> None:
        if expression is None and not isinstance(value, dict | list):
            fault = _literal_fault(value, wants) if not (isinstance(value, str) and "${" in value) else None
            if fault is not None:
                self.on_value("E202", f"{label} expects {fault}, got {found(value)}", None, path, None)
                return
            if value in (choices(wants) or ()):
                return
            if not (isinstance(value, str) and "${" in value) and (breach := _breach(value, wants)) is not None:
                self.on_value("E202", f"{label} does not fit: {breach}", None, path, None)
                return
        wrong = misfit(got, wants)
        if wrong is None:
            return
        source = f" from ${{ {expression.text} }}" if expression else ""
        message = f"{label} expects {wrong.wants}{_within(wrong.at)}, got {wrong.got}{source}"
        self.on_value("E202", message, _way_out(got, wants), path, expression)

    def _typed(self, value: JsonValue, path: Path) -> tuple[JsonSchema, Expression | None, bool]:
        """The type, the expression when the value is one and nothing else, and whether no fault was found in it."""
        if isinstance(value, str):
            return self._typed_text(value, path)
        if isinstance(value, dict):
            inner = {name: self._typed(item, (*path, name)) for name, item in value.items()}
            sound = all(is_sound for _, _, is_sound in inner.values())
            return object_of({name: schema for name, (schema, _, _) in inner.items()}), None, sound
        if isinstance(value, list):
            parts = [self._typed(item, (*path, i)) for i, item in enumerate(value)]
            sound = all(is_sound for _, _, is_sound in parts)
            return {"type": "array", "items": union([schema for schema, _, _ in parts])}, None, sound
        return {"type": kind_of(value)}, None, True

    def _typed_text(self, text: str, path: Path) -> tuple[JsonSchema, Expression | None, bool]:
        try:
            expressions = expressions_in(text, path)
        except Unterminated as fault:
            finding = Finding("E301", str(fault), 0, 2, "close it with }, or write $ without {")
            self.on_expression(path, fault.offset, finding)
            return TEXT, None, False
        if len(expressions) > MOST_EXPRESSIONS:
            message = f"the text holds more than {MOST_EXPRESSIONS} expressions"
            finding = Finding("E304", message, 0, 1, "write a prompt file, which can loop")
            self.on_expression(path, expressions[MOST_EXPRESSIONS].offset, finding)
            return TEXT, None, False
        checked = [(expression, check_expression(expression.text, self.names)) for expression in expressions]
        for expression, result in checked:
            for finding in result.findings:
                self.on_expression(path, expression.offset, finding)
        self._warn_of_plain(text, path, is_plain=not checked)
        sound = not any(result.findings for _, result in checked)
        if checked and checked[0][0].lone:
            return checked[0][1].schema, checked[0][0], sound
        return TEXT, None, sound


def _within(at: str) -> str:
    """Where inside of a value it does not fit: `[].text` is the field `text` of each item."""
    owner, is_list, name = at.rpartition("[]")
    if not is_list:
        return f" in '{at}'" if at else ""
    where = f"in '{name.removeprefix('.')}' of each item" if name else "for each item"
    return f" {where} of '{owner}'" if owner else f" {where}"


def _way_out(got: JsonSchema, wants: JsonSchema) -> str | None:
    have, need = kinds(got) or frozenset(), kinds(wants) or frozenset()
    allowed, given = choices(wants), choices(got)
    if allowed is not None and given is not None and have <= need:
        return f"not taken here: {one_of(str(value) for value in given if value not in allowed)}"
    if need != {"string"} or "string" in have:
        return None
    if have <= {"integer", "number", "boolean"}:
        return "turn it into text with string(…)"
    return "write some text around it, which puts it in as JSON, or take a part of it"


def _literal_fault(value: JsonValue, wants: JsonSchema) -> str | None:
    """What the place wants instead of a value that is written out; `None` if the value will do."""
    allowed = wants.get("enum") or ([wants["const"]] if "const" in wants else None)
    if allowed is not None:
        return None if value in allowed else phrase(wants)
    need, have = kinds(wants), kind_of(value)
    if need is not None and have not in need and not (have == "integer" and "number" in need):
        return phrase(wants)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _bounds(value, wants, "minimum", "maximum", phrase(wants))
    if isinstance(value, str):
        return _bounds(len(value), wants, "minLength", "maxLength", "text with a length")
    return None


def _breach(value: JsonValue, wants: JsonSchema) -> str | None:
    """What else the place asks of a value that is written out, like a pattern, and it does not keep to."""
    if "pattern" not in wants and "multipleOf" not in wants:
        return None
    return next((str(misfit) for misfit in contract(wants).misfits(value)), None)


def _bounds(size: float, wants: JsonSchema, low: str, high: str, what: str) -> str | None:
    least, most = wants.get(low), wants.get(high)
    if (least is None or size >= least) and (most is None or size <= most):
        return None
    if least is not None and most is not None:
        return f"{what} from {least} to {most}"
    return f"{what} of at least {least}" if least is not None else f"{what} of at most {most}"
