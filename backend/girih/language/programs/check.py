"""What a program of a `code` node may do with its values: types followed through it, held against what it returns."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from contextlib import suppress

from girih.language.expressions.kinds import ANY, NUMBER, NUMERIC, WHOLE, Misfit, field_names, kinds, misfit, phrase
from girih.language.programs.bindings import bindings_of
from girih.language.programs.inference import Inference
from girih.language.programs.syntax import Fault, Program
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema


def check_program(program: Program, given: Mapping[str, JsonSchema], returns: JsonSchema) -> list[Fault]:
    """The type errors (E306) of a program that is given values of these types and must end with such an object."""
    inference = Inference(program, given, bindings_of(program.tree))
    # Names may hang on one another further than can be followed: what was found till then holds.
    with suppress(RecursionError):
        _follow(program, inference, returns)
    return sorted(inference.faults, key=lambda fault: (fault.offset, fault.message))


def _follow(program: Program, inference: Inference, returns: JsonSchema) -> None:
    for node in ast.walk(program.tree):
        if isinstance(node, ast.expr):
            inference.type_of(node)
        elif isinstance(node, ast.For):
            inference.items_of(node.iter)
    _result(program, inference, returns)


def _result(program: Program, inference: Inference, returns: JsonSchema) -> None:
    last = program.tree.body[-1] if program.tree.body else None
    fields = one_of(field_names(returns))
    if not isinstance(last, ast.Expr):
        way_out = f"let its last line be a dict with the fields of returns: {fields}"
        inference.fault("the program ends without a result", last or program.tree, way_out)
    elif isinstance(last.value, ast.Dict) and all(key is not None for key in last.value.keys):
        _fields(last.value, inference, returns)
    else:
        _fits(inference, last.value, returns, "the result")


def _fields(display: ast.Dict, inference: Inference, returns: JsonSchema) -> None:
    """Each field at its own place."""
    wanted: dict[str, JsonSchema] = returns["properties"]
    given: set[str] = set()
    for key, value in zip(display.keys, display.values, strict=True):
        if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
            return
        given.add(key.value)
        if key.value in wanted:
            _fits(inference, value, wanted[key.value], f"'{key.value}'")
        else:
            near = did_you_mean(key.value, [name for name in wanted if name not in given])
            way_out = f"did you mean '{near}'?" if near else f"fields of returns: {one_of(wanted)}"
            inference.fault(f"returns has no field '{key.value}'", key, way_out)
            given |= {near} if near else set()
    for name in returns["required"]:
        if name not in given:
            what = phrase(wanted[name])
            inference.fault(
                f"the result lacks '{name}' ({what})", display, f"add \"{name}\": …, or write '?' behind its type"
            )


def _fits(inference: Inference, value: ast.expr, wants: JsonSchema, what: str) -> None:
    """Note what is certain not to fit: what only may not fit can have been looked at by the program."""
    wrong = misfit(_certain(inference.type_of(value)), wants)
    if wrong is not None and not _may_fit(wrong):
        at = wrong.at.replace("[]", " of each item").strip(" .")
        where = f" ({at})" if at else ""
        inference.fault(f"{what} must be {wrong.wants}{where}, this is {wrong.got}", value)


def _may_fit(wrong: Misfit) -> bool:
    """Any text may be one of a few, and many numbers are whole: that depends on the data."""
    return wrong.got.startswith("any ") or (wrong.got, wrong.wants) == (phrase(NUMBER), phrase(WHOLE))


def _certain(schema: JsonSchema) -> JsonSchema:
    """The type without its alternatives: where there is a choice, it may be anything."""
    have = kinds(schema)
    if have is None or (len(have) > 1 and not have <= NUMERIC):
        return ANY
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {name: _certain(inner) for name, inner in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        result["items"] = _certain(schema["items"])
    return result
