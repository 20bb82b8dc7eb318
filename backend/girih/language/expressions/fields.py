"""Names and fields that do not exist: what to say, what was probably meant, and where it stands."""

from __future__ import annotations

from collections.abc import Callable

from girih.language.expressions.complaints import literal_help
from girih.language.expressions.kinds import FieldType, field, field_names, kinds, words
from girih.language.expressions.names import Finding, Names
from girih.language.expressions.syntax_tree import Expr, Field, Literal, Name, children, spoken
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema

_MANY = 12
_OWNERS = ("inputs", "state", "args")
"""The names whose fields are easily spoken without them."""
_COMES_WITH = {
    "state": "state: or chat: of the graph",
    "errors": "on_error: of a node",
    "item": "each: it is the item, in the branch",
    "index": "each: it is the item's place, in the branch",
}


def unknown_name(names: Names, expr: Name, report: Callable[[str, str, Expr, str | None], None]) -> None:
    """Report a name that is nothing here."""
    known = names.names()
    near = did_you_mean(expr.name, known)
    owner = next((o for o in _OWNERS if expr.name in field_names(names.type_of(o) or {})), None)
    other = literal_help(expr.name)
    if other is not None:
        way_out = f"write {other}"
    elif owner is not None:
        way_out = f"did you mean '{owner}.{expr.name}'?"
    elif near is not None:
        way_out = f"did you mean '{near}'?"
    elif expr.name in _COMES_WITH:
        way_out = f"it comes with {_COMES_WITH[expr.name]}"
    else:
        way_out = f"names: {one_of(known[:_MANY])}; a text is written in quotes: '{expr.name}'"
    report("E201", f"nothing is called '{expr.name}' here", expr, way_out)


def look_up(
    parent: JsonSchema, operand: Expr, name: str, at: tuple[int, int], findings: list[Finding]
) -> FieldType | None:
    """The field, or `None` and a finding."""
    allowed = kinds(parent)
    if (allowed is None or "object" in allowed) and (result := field(parent, name)) is not None:
        return result
    owner = spoken(operand)
    hint = f"take one of its items first: {owner or '…'}[0].{name}"
    return look_up_of(parent, owner, name, at, findings, hint)


def look_up_of(
    parent: JsonSchema, owner: str | None, name: str, at: tuple[int, int], findings: list[Finding], of_list: str
) -> FieldType | None:
    """The field of what is spoken of as `owner`, or `None` and a finding; `of_list` helps who asks it of a list."""
    found = kinds(parent)
    if found is not None and "object" not in found:
        message = f"{named(owner)} is {words(found)} and has no field '{name}'"
        findings.append(Finding("E201", message, *at, of_list if found == {"array"} else None))
        return None
    result = field(parent, name)
    if result is None:
        findings.append(Finding("E201", _no_field(owner, name), *at, _which(owner, name, field_names(parent))))
    return result


def subject(expr: Expr) -> str:
    """How a sentence names an expression: `'a.b'`, or `this`."""
    return named(spoken(expr))


def named(name: str | None) -> str:
    """A name as a sentence quotes it; `this` for what has none."""
    return f"'{name}'" if name else "this"


def span(text: str, expr: Expr) -> tuple[int, int]:
    """Offset and length of an expression in its text: whole for a name with fields, else from its first character."""
    start = _start(expr)
    if isinstance(expr, Field):
        end = text.find(expr.name, expr.at) + len(expr.name)
        return start, max(1, end - start)
    if isinstance(expr, Name):
        return start, len(expr.name)
    if isinstance(expr, Literal):
        return start, max(1, len(repr(expr.value)) if isinstance(expr.value, str) else len(str(expr.value)))
    return start, max(1, expr.at - start + 1)


def _start(expr: Expr) -> int:
    return min([expr.at, *(_start(part) for part in children(expr))])


def _no_field(owner: str | None, name: str) -> str:
    if owner == "inputs":
        return f"there is no input '{name}'"
    return f"'{owner}' has no field '{name}'" if owner else f"there is no field '{name}'"


def _which(owner: str | None, name: str, names: list[str]) -> str:
    if not names:
        return "the graph has no inputs" if owner == "inputs" else "it has no fields"
    near = did_you_mean(name, names)
    listed = one_of(names[:_MANY]) + (", …" if len(names) > _MANY else "")
    guess = f"did you mean '{near}'? " if near else ""
    return f"{guess}{'inputs' if owner == 'inputs' else 'it has'}: {listed}"
