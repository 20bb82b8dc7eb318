"""The compile-time check of one expression: what type it gives, and all that is wrong with it, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from girih.language.expressions.cel import ParseFault, compiled
from girih.language.expressions.complaints import explain
from girih.language.expressions.functions import NO_JSON
from girih.language.expressions.inference import Inference
from girih.language.expressions.kinds import ANY, BOOLEAN, choices, is_kind, items, kinds, phrase, words
from girih.language.expressions.names import Finding, Names
from girih.language.expressions.refusal import refusal
from girih.language.expressions.remembering import remembered
from girih.language.expressions.syntax_tree import Expr, Loop, spoken
from girih.language.spec.tree import JsonSchema

MAX_LENGTH = 512
"""Characters one expression may have."""

MAX_MACROS = 2
"""Macros (`filter`, `exists`, …) one expression may have."""


@dataclass(frozen=True)
class Checked:
    """The type of an expression, and what is wrong with it."""

    schema: JsonSchema
    findings: tuple[Finding, ...] = ()


def check_expression(text: str, names: Names, *, condition: bool = False) -> Checked:
    """Check one CEL expression. A `condition` must be a boolean and has no `map`."""
    if len(text) > MAX_LENGTH:
        fault = f"the expression has {len(text)} characters, more than {MAX_LENGTH}"
        return Checked(ANY, (Finding("E304", fault, 0, len(text), "split it with set nodes"),))
    if names.memory is None:
        return _checked(text, names, condition)
    return remembered(("check", text, condition), names, names.memory, lambda own: _checked(text, own, condition))


def _checked(text: str, names: Names, condition: bool) -> Checked:
    try:
        program = compiled(text)
    except ParseFault as refused:
        message, offset, length, help_ = explain(text, refused)
        return Checked(ANY, (Finding("E301", message, offset, length, help_),))
    inference = Inference(text, names)
    tree = program.tree
    schema = inference.result(tree)
    findings = [*_costs(text, program.loops, condition=condition), *inference.findings]
    if not condition and not findings:
        findings += _no_json(text, schema)
    if condition and not findings:
        findings += _not_boolean(text, tree, schema)
    return Checked(schema, tuple(findings or _refused(text)))


def _costs(text: str, loops: tuple[Loop, ...], *, condition: bool) -> Iterator[Finding]:
    if len(loops) > MAX_MACROS:
        extra = loops[MAX_MACROS]
        fault = f"the expression uses {len(loops)} macros, more than {MAX_MACROS}"
        yield Finding("E304", fault, *_macro_at(text, extra), "split it with set nodes")
    for loop in loops:
        if condition and loop.macro == "map":
            help_ = "test the items with exists or all, or compute the list in a set node"
            yield Finding("E304", "a condition has no 'map'", *_macro_at(text, loop), help_)


def _macro_at(text: str, loop: Loop) -> tuple[int, int]:
    start = text.rfind(loop.macro, 0, loop.at)
    return (start, len(loop.macro)) if start >= 0 else (loop.at, 1)


def _no_json(text: str, schema: JsonSchema) -> Iterator[Finding]:
    found = frozenset(_kinds_inside(schema)) & NO_JSON
    if found:
        yield Finding("E302", f"the value is {words(found)}, which is no JSON", 0, len(text), "use string(…)")


def _kinds_inside(schema: JsonSchema) -> Iterator[str]:
    """The kinds of a value and of what an expression puts into it: lists and mappings that are written out."""
    yield from kinds(schema) or ()
    for inner in (*([items(schema)] if is_kind(schema, "array") else ()), *(schema.get("properties") or {}).values()):
        if isinstance(inner, dict):
            yield from _kinds_inside(inner)


def _not_boolean(text: str, tree: Expr, schema: JsonSchema) -> Iterator[Finding]:
    found = kinds(schema)
    if found is None or found == kinds(BOOLEAN):
        return
    name = spoken(tree)
    subject = f"'{name}'" if name else "the condition"
    yield Finding("E303", f"{subject} is {phrase(schema)}, not true or false", 0, len(text), _compared(name, schema))


def _compared(name: str | None, schema: JsonSchema) -> str:
    if name is None:
        return "compare it with something, for example with =="
    allowed = choices(schema)
    if allowed:
        return f"compare it, for example {name} == {allowed[0]!r}"
    example = {"string": "!= ''", "integer": "> 0", "number": "> 0.5", "array": "!= []"}
    kind = next(iter(sorted(kinds(schema) or ())), "")
    return f"compare it, for example {name} {example.get(kind, '!= null')}"


def _refused(text: str) -> Iterator[Finding]:
    """What CEL's own checker still refuses: it has the last word on what can run."""
    message = refusal(text)
    if message is not None:
        yield Finding("E302", message, 0, len(text))
