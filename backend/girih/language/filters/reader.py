"""Reads a filter: CEL of which only questions about fields are allowed, typed by what the fields are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from girih.language.expressions.cel import ParseFault, compiled
from girih.language.expressions.complaints import explain
from girih.language.expressions.inference import Inference
from girih.language.expressions.kinds import ANY, BOOLEAN, kinds, phrase
from girih.language.expressions.names import Finding
from girih.language.expressions.syntax_tree import Expr, walk
from girih.language.filters.fields import names_of
from girih.language.filters.forms import Unreadable, read_form
from girih.language.filters.tree import Filter
from girih.language.spec.tree import JsonSchema

MAX_LENGTH = 4000
"""Characters one filter may have."""

MAX_PARTS = 400
"""Names, values and operators one filter may have."""


@dataclass(frozen=True)
class Reading:
    """What a filter asks, or what is wrong with it."""

    filter: Filter | None
    findings: tuple[Finding, ...] = ()


def read_filter(
    text: str, metadata: JsonSchema | None = None, given: Mapping[str, JsonSchema] | None = None
) -> Reading:
    """Read and check a filter. `metadata` is the collection's schema; `given` are names of values with their types."""
    if len(text) > MAX_LENGTH:
        fault = f"the filter has {len(text)} characters, more than {MAX_LENGTH}"
        return Reading(None, (Finding("E304", fault, 0, len(text), "give long lists as a value"),))
    try:
        tree = compiled(text).tree
    except ParseFault as refused:
        message, offset, length, help_ = explain(text, refused)
        return Reading(None, (Finding("E301", message, offset, length, help_),))
    return _read(text, tree, metadata, given or {})


def _read(text: str, tree: Expr, metadata: JsonSchema | None, given: Mapping[str, JsonSchema]) -> Reading:
    if sum(1 for _ in walk(tree)) > MAX_PARTS:
        fault = f"the filter has more than {MAX_PARTS} names, values and operators"
        return Reading(None, (Finding("E304", fault, 0, len(text), "give long lists as a value"),))
    inference = Inference(text, names_of(metadata, given))
    schema = inference.result(tree)
    if inference.findings:
        return Reading(None, tuple(inference.findings))
    if kinds(schema) not in (kinds(ANY), kinds(BOOLEAN)):
        fault = f"the filter is {phrase(schema)}, not true or false"
        return Reading(None, (Finding("E303", fault, 0, len(text), "compare it with something"),))
    try:
        return Reading(read_form(text, tree, frozenset(given)))
    except Unreadable as refused:
        return Reading(None, (refused.finding,))
