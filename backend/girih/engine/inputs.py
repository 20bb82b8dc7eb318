"""What a run is given: checked against the graph's contract, with the defaults filled in."""

from __future__ import annotations

from copy import deepcopy

from girih.errors import InvalidInput
from girih.language.spec.conform import contract, settled
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue


def checked_inputs(schema: JsonSchema, given: JsonObject) -> JsonObject:
    """The inputs a graph sees: what was given, and every default that the contract declares for what was not.

    Raises `InvalidInput` that names every fault by its path; `details["faults"]` holds them as data.
    """
    inputs: JsonObject = filled(schema, given)
    if faults := contract(schema).misfits(inputs):
        raise InvalidInput(
            f"the inputs do not fit: {'; '.join(map(str, faults))}",
            help=_help(schema),
            faults=[fault.as_dict() for fault in faults],
        )
    return inputs


def filled(schema: JsonSchema, value: JsonValue) -> JsonValue:
    """The value with every default that the schema declares for what was not given, whatever else is wrong with it."""
    return settled(_with_defaults(schema, value), schema)


def _with_defaults(schema: JsonSchema, value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, declared in schema.get("properties", {}).items():
        if name in filled:
            filled[name] = _with_defaults(declared, filled[name])
        elif isinstance(declared, dict) and "default" in declared:
            filled[name] = deepcopy(declared["default"])
    return filled


def _help(schema: JsonSchema) -> str:
    names = [
        name if name in schema.get("required", ()) else f"{name} (optional)" for name in schema.get("properties", {})
    ]
    return f"the graph takes: {', '.join(names)}" if names else "the graph takes no inputs"
