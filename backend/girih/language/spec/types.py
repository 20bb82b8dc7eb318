"""The types authors write: a shorthand (`string`, `integer?`, `[string]`, `{ enum: [a] }`) or JSON Schema 2020-12."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.inlining import RefError, write_out
from girih.language.spec.keywords import KEYWORDS, TYPE_NAMES, Fault, shape_faults
from girih.language.spec.suggest import did_you_mean, hint
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue, Path, Tree
from girih.language.spec.words import TYPE_WORDS, found

SHORT_NAMES = (*TYPE_NAMES[:-1], "any")
"""The names of the shorthand: the types of JSON but `null`, and `any`."""

_HELP = "write a type name, [type], { enum: [a, b] } or a JSON Schema"


def schema_of(spec: JsonValue) -> tuple[JsonSchema, bool]:
    """The JSON Schema of a type, and whether a field of it is required.

    A trailing `?` or a `default` makes the field optional. The schema stands alone: each `$ref` is written out. A type
    with faults (see `type_faults`) is `any`.
    """
    if any(type_faults(spec)):
        return {}, True
    required = not (isinstance(spec, str) and spec.endswith("?"))
    if isinstance(spec, dict):
        required = "default" not in spec and not str(spec.get("type", "")).endswith("?")
        spec = write_out(spec)
    return _schema(spec), required


def object_schema(fields: Mapping[str, JsonValue], *, closed: bool = True) -> JsonSchema:
    """The JSON Schema of an object with these fields; a closed one refuses all others."""
    schemas = {name: schema_of(spec) for name, spec in fields.items()}
    result: JsonSchema = {
        "type": "object",
        "properties": {name: schema for name, (schema, _) in schemas.items()},
        "required": [name for name, (_, required) in schemas.items() if required],
    }
    return result | {"additionalProperties": False} if closed else result


def check_types(fields: JsonValue, tree: Tree, path: Path) -> tuple[Diagnostic, ...]:
    """What is wrong with the types of the fields at `path` (E002)."""
    if not isinstance(fields, dict):
        return ()
    faults = [(name, fault) for name, spec in fields.items() for fault in type_faults(spec)]
    return tuple(fault_diagnostic(tree, (*path, name), fault) for name, fault in faults)


def fault_diagnostic(tree: Tree, path: Path, fault: Fault) -> Diagnostic:
    """A type's fault as a finding; `path` is the place of the type."""
    where = (*path, *fault.path)
    return Diagnostic("E002", fault.message, (tree.key_at if fault.at_key else tree.at)(where), help=fault.help)


def type_faults(spec: JsonValue) -> Iterator[Fault]:
    """What is wrong with a field's type; nothing if it is sound."""
    if isinstance(spec, bool):
        yield Fault((), f"a type is expected, found {found(spec)}", _HELP)
        return
    if isinstance(spec, str) and spec.removesuffix("?") in SHORT_NAMES:
        return
    faults = list(_faults(spec, (), optional=True))
    yield from faults
    if isinstance(spec, dict) and not faults:
        try:
            write_out(spec)
        except RefError as refused:
            yield Fault(refused.path, refused.message, refused.help)
        else:
            yield from _default_faults(spec)


def _faults(spec: JsonValue, path: Path, *, optional: bool = False) -> Iterator[Fault]:
    if isinstance(spec, str):
        yield from _name_faults(spec, path, optional=optional)
    elif isinstance(spec, list):
        if len(spec) == 1 and not isinstance(spec[0], bool):
            yield from _faults(spec[0], (*path, 0))
        else:
            yield Fault(
                path,
                f"a list type names one type, found {_number_of(spec)}",
                _enum_help(spec) or "write [string], or a JSON Schema",
            )
    elif isinstance(spec, dict):
        for keyword, value in spec.items():
            yield from _keyword_faults(keyword, value, (*path, keyword), optional=optional)
    elif not isinstance(spec, bool):
        yield Fault(path, f"a type is expected, found {found(spec)}", _HELP)


def _number_of(spec: list[JsonValue]) -> str:
    return found(spec[0]) if len(spec) == 1 else str(len(spec))


def _name_faults(name: str, path: Path, *, optional: bool) -> Iterator[Fault]:
    if name.removesuffix("?") not in SHORT_NAMES:
        yield Fault(
            path, f"unknown type '{name}'", _list_help(name) or hint(name.removesuffix("?"), SHORT_NAMES, "types")
        )
    elif name.endswith("?") and not optional:
        yield Fault(path, f"'{name}' cannot be optional here", "the '?' belongs to a field; use 'required:' in objects")


def _list_help(name: str) -> str | None:
    """What to write for a list, or for a choice, that is written as text."""
    if "|" in name:
        return _enum_help([word.strip().strip("'\"") for word in name.split("|")])
    inner = _LIST.fullmatch(name)
    if inner is None:
        return None
    return f"write {{ type: array?, items: {inner[1]} }}" if inner[2] else f"write [{inner[1]}], without quotes"


def _enum_help(words: list[JsonValue]) -> str | None:
    """What to write for a choice of words; `None` where they are none."""
    is_choice = len(words) > 1 and all(isinstance(word, str) and word and word not in SHORT_NAMES for word in words)
    return f"for a choice, write {{ enum: [{', '.join(map(str, words))}] }}" if is_choice else None


_LIST = re.compile(r"\[\s*(\w+)\s*\](\?)?")


def _keyword_faults(keyword: str, value: JsonValue, path: Path, *, optional: bool) -> Iterator[Fault]:
    if keyword.startswith("x-"):
        return
    if keyword not in KEYWORDS:
        near = hint(keyword, KEYWORDS) if " " in keyword or did_you_mean(keyword, KEYWORDS) else None
        way_out = near.partition(" known: ")[0] if near else "the fields of an object go under 'properties:'"
        yield Fault(path, f"unknown key '{keyword}' in a type", way_out, at_key=True)
        return
    faults = list(shape_faults(keyword, value, path))
    yield from faults
    if not faults:
        yield from _inner_faults(KEYWORDS[keyword], value, path, optional=optional)


def _inner_faults(holds: str, value: JsonValue, path: Path, *, optional: bool) -> Iterator[Fault]:
    if holds == "type":
        yield from _type_keyword_faults(value, path, optional=optional)
    elif holds == "schema":
        yield from _faults(value, path)
    elif holds == "schemas":
        for i, item in enumerate(value):
            yield from _faults(item, (*path, i))
    elif holds == "schema map":
        for name, item in value.items():
            yield from _faults(item, (*path, name))


def _type_keyword_faults(value: JsonValue, path: Path, *, optional: bool) -> Iterator[Fault]:
    if isinstance(value, str) and value != "null":
        yield from _name_faults(value, path, optional=optional)
    elif isinstance(value, list) and value:
        for i, item in enumerate(value):
            if item not in TYPE_NAMES:
                yield Fault((*path, i), f"unknown type {found(item)}", hint(str(item), TYPE_NAMES, "types"))
            elif item in value[:i]:
                yield Fault((*path, i), f"'{item}' is named twice", "name each type once")
    elif value != "null":
        yield Fault(path, f"'type' must be a type name, found {found(value)}", hint("", SHORT_NAMES, "types"))


def _default_faults(spec: JsonObject) -> Iterator[Fault]:
    if "default" not in spec:
        return
    default, choices = spec["default"], spec.get("enum")
    schema = _schema(write_out(spec))
    if choices is not None and default not in choices:
        yield Fault(("default",), f"the default must be one of the choices, found {found(default)}")
    elif isinstance(schema.get("type"), str) and not is_of(default, schema["type"]):
        yield Fault(("default",), f"the default must be {TYPE_WORDS[schema['type']]}, found {found(default)}")


def is_of(value: JsonValue, name: str) -> bool:
    """Whether a value is of the JSON type `name`; a number without a fraction is an integer too."""
    if name in ("integer", "number"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (name == "number" or float(value).is_integer())
    python = {"string": str, "boolean": bool, "object": dict, "array": list, "null": type(None)}[name]
    return isinstance(value, python)


def _schema(spec: JsonValue) -> JsonSchema:
    """The schema of a sound type without references."""
    if isinstance(spec, str):
        name = spec.removesuffix("?")
        return {} if name == "any" else {"type": name}
    if isinstance(spec, list):
        return {"type": "array", "items": _schema(spec[0])}
    result: JsonSchema = {}
    for keyword, value in spec.items():
        if keyword == "type" and isinstance(value, str):
            result |= _schema(value)
        else:
            result[keyword] = _inner(KEYWORDS.get(keyword), value)
    return result


def _inner(holds: str | None, value: JsonValue) -> JsonValue:
    if holds == "schema":
        return value if isinstance(value, bool) else _schema(value)
    if holds == "schemas":
        return [item if isinstance(item, bool) else _schema(item) for item in value]
    if holds == "schema map":
        return {name: item if isinstance(item, bool) else _schema(item) for name, item in value.items()}
    return value
