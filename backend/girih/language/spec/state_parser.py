"""The `state:` of a graph: each value's type, how its writes come together, and what it is before the first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from girih.language.spec.conform import contract
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.findings import Subject, shaped
from girih.language.spec.model import MergeRule, SharedValue, StateField
from girih.language.spec.suggest import did_you_mean
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path, Tree
from girih.language.spec.types import fault_diagnostic, schema_of, type_faults
from girih.language.spec.words import found

_OWN = frozenset({"type", "merge", "default"})
_NEEDS: Mapping[str, tuple[str, str]] = {
    "append": ("array", "a list"),
    "union": ("array", "a list"),
    "sum": ("number", "a number"),
    "min": ("number", "a number"),
    "max": ("number", "a number"),
}


def parse_state(written: JsonValue, tree: Tree, faults: list[Diagnostic]) -> dict[str, SharedValue]:
    """Every value of `state:` by name; one with a faulty type takes anything."""
    items = written.items() if isinstance(written, dict) else ()
    return {name: _value(name, item, tree, faults) for name, item in items}


def _value(name: str, item: JsonValue, tree: Tree, faults: list[Diagnostic]) -> SharedValue:
    path: Path = ("state", name)
    if not _is_long(item):
        faulty = [fault_diagnostic(tree, path, fault) for fault in type_faults(item)]
        faults += faulty
        schema = {} if faulty else schema_of(item)[0]
        return SharedValue(schema, "last", schema.get("default"), is_declared=False, at=path)
    subject = Subject(tree, path, StateField, f"state '{name}'")
    field = shaped(StateField, item, subject, faults)
    if field is None:
        return SharedValue({}, "last", None, at=path)
    schema = schema_of(field.type)[0]
    value = SharedValue(schema, field.merge, _begin(field, schema), is_declared="merge" in item, at=(*path, "type"))
    faults += _misfits(name, value, item, tree)
    return value


def _is_long(item: JsonValue) -> bool:
    """Whether a value is written with its merge rule and default, and not as a type alone."""
    if not isinstance(item, dict):
        return False
    return set(item) <= _OWN or any(key == "merge" or did_you_mean(key, ("merge",)) for key in item)


def _begin(field: StateField, schema: JsonSchema) -> JsonValue:
    if field.default is not None:
        return field.default
    if field.merge in ("append", "union"):
        return []
    return 0 if field.merge == "sum" else schema.get("default")


def _misfits(name: str, value: SharedValue, item: JsonObject, tree: Tree) -> Iterator[Diagnostic]:
    path: Path = ("state", name)
    fault = _merge_fault(name, value.schema, value.merge)
    if fault is not None:
        yield Diagnostic("E202", fault[0], tree.at((*path, "merge")), help=fault[1])
    if item.get("default") is not None and value.schema:
        for misfit in contract(value.schema).misfits(item["default"]):
            message = f"the default of state '{name}' does not fit its type: {misfit}"
            yield Diagnostic("E202", message, tree.at((*path, "default")), help="change the default, or the type")
            return


def _merge_fault(name: str, schema: JsonSchema, merge: MergeRule) -> tuple[str, str] | None:
    """What is wrong with a merge rule for a type, and what to do."""
    if merge not in _NEEDS or not schema:
        return None
    kind, words = _NEEDS[merge]
    declared = schema.get("type")
    kinds = {declared} if isinstance(declared, str) else set(declared or ())
    if not kinds or kinds <= ({"number", "integer"} if kind == "number" else {kind}):
        return None
    what = found(declared) if not isinstance(declared, str) else declared
    help_ = "write type: [string], or another list" if kind == "array" else "write type: number or integer"
    return f"merge: {merge} needs {words}, and state '{name}' is of type {what}", f"{help_}, or merge: last"
