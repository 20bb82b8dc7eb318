"""How much a new version of a graph changes for those who call it, as semantic versioning counts."""

from __future__ import annotations

from typing import Literal

from girih.language.compiler.plan import Plan
from girih.language.expressions.kinds import field, field_names, is_kind, items, misfit
from girih.language.spec.tree import JsonSchema

Verdict = Literal["major", "minor", "patch"]


def verdict(old: Plan, new: Plan) -> Verdict:
    """`major` when a caller of `old` may break with `new`, `minor` when callers gain something, else `patch`."""
    if breaks_callers(old, new):
        return "major"
    gained = set(field_names(new.inputs)) - set(field_names(old.inputs))
    gained |= set(field_names(new.outputs)) - set(field_names(old.outputs))
    return "minor" if gained or old.inputs != new.inputs or old.outputs != new.outputs else "patch"


def breaks_callers(old: Plan, new: Plan) -> bool:
    """Whether something `old` takes or gives is no longer so."""
    return _takes_less(old.inputs, new.inputs) or _gives_less(old.outputs, new.outputs) or old.chat != new.chat


def _takes_less(old: JsonSchema, new: JsonSchema) -> bool:
    """An input is gone, became required, or takes less than before."""
    if set(new.get("required", ())) - set(old.get("required", ())):
        return True
    for name in field_names(old):
        before, after = field(old, name), field(new, name)
        if before is None or after is None or _is_narrower(before.schema, after.schema):
            return True
    return False


def _gives_less(old: JsonSchema, new: JsonSchema) -> bool:
    """An output is gone, may be missing now, or can be something it never was."""
    for name in field_names(old):
        before, after = field(old, name), field(new, name)
        if before is None or after is None or (before.always and not after.always):
            return True
        if misfit(after.schema, before.schema) is not None or (not after.schema and before.schema):
            return True
    return False


_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "pattern", "format", "multipleOf",
           "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "uniqueItems")  # fmt: skip


def _is_narrower(old: JsonSchema, new: JsonSchema) -> bool:
    """Whether some value of the old type is none of the new type, as far as can be told."""
    if not old:
        return bool(new)
    if misfit(old, new) is not None or any(_tighter(word, old.get(word), new[word]) for word in _BOUNDS if word in new):
        return True
    if is_kind(old, "array") and is_kind(new, "array"):
        return _is_narrower(items(old), items(new))
    return is_kind(old, "object") and is_kind(new, "object") and bool(field_names(old)) and _takes_less(old, new)


def _tighter(keyword: str, old: object, new: object) -> bool:
    if old is None:
        return new is not False
    if isinstance(old, int | float) and isinstance(new, int | float) and keyword not in ("multipleOf", "uniqueItems"):
        return new > old if keyword.startswith(("min", "exclusiveMin")) else new < old
    return old != new
