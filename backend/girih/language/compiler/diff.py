"""How much a new version of a graph changes for those who call it, as semantic versioning counts."""

from __future__ import annotations

from typing import Literal

from girih.language.compiler.plan import Plan
from girih.language.expressions.kinds import field, field_names, misfit
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
    required = set(new.get("required", ())) - set(old.get("required", ()))
    for name in field_names(old):
        before, after = field(old, name), field(new, name)
        if (
            before is None
            or after is None
            or misfit(before.schema, after.schema)
            or _is_bounded(before.schema, after.schema)
        ):
            return True
    return bool(required)


def _gives_less(old: JsonSchema, new: JsonSchema) -> bool:
    """An output is gone, may be missing now, or can be something it never was."""
    for name in field_names(old):
        before, after = field(old, name), field(new, name)
        if before is None or after is None or (before.always and not after.always):
            return True
        if misfit(after.schema, before.schema) is not None or (not after.schema and before.schema):
            return True
    return False


_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "pattern", "format", "multipleOf", "maximum",
           "exclusiveMaximum", "maxLength", "maxItems", "uniqueItems")  # fmt: skip


def _is_bounded(old: JsonSchema, new: JsonSchema) -> bool:
    """Whether the new type has a bound that is new or tighter."""
    return any(keyword in new and _tighter(keyword, old.get(keyword), new[keyword]) for keyword in _BOUNDS) or (
        bool(new) and not old
    )


def _tighter(keyword: str, old: object, new: object) -> bool:
    if old is None:
        return True
    if isinstance(old, int | float) and isinstance(new, int | float) and keyword != "multipleOf":
        return new > old if keyword[1:3] == "in" or "Minimum" in keyword else new < old
    return old != new
