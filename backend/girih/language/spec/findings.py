"""Pydantic's complaints about a shape as findings (E002) at their places, in plain words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.expectations import expectation, name_help
from girih.language.spec.suggest import did_you_mean, hint, one_of
from girih.language.spec.tree import JsonObject, JsonValue, Path, Tree
from girih.language.spec.types import fault_diagnostic
from girih.language.spec.words import found

MOST_FINDINGS = 200
"""How many findings one rule may have in one part of a file: who has more changes the rest alike."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Subject:
    """What is being read: its tree, its place in it, its model, and how a finding names it (`llm node 'answer'`)."""

    tree: Tree
    path: Path
    model: type[BaseModel]
    name: str
    also: tuple[str, ...] = ()
    """Keys that belong to it, too, though its model does not hold them."""

    def within(self, path: Path) -> str:
        """How a finding names the mapping at `path`."""
        inner = label(path[len(self.path) :])
        return f"{inner} of {self.name}" if inner else self.name


def label(path: Path) -> str:
    """A value by its key, a list's item by its number: `'query'`, `item 2 of 'parallel'`."""
    if not path:
        return ""
    last = path[-1]
    return f"'{last}'" if isinstance(last, str) else f"item {last + 1} of {label(path[:-1])}".removesuffix(" of ")


def shaped(model: type[M], value: JsonObject, subject: Subject, faults: list[Diagnostic]) -> M | None:
    """The value as the model; else its faults are added, and what is left without the faulty keys is tried."""
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
    faults += islice(shape_findings(details, subject), MOST_FINDINGS)
    try:
        return model.model_validate(_without(value, [detail["loc"] for detail in details], subject), strict=True)
    except ValidationError:
        return None


def _without(value: JsonObject, locs: Sequence[tuple[int | str, ...]], subject: Subject) -> JsonObject:
    """The value without what the errors name: an entry of a mapping of names, else the whole key."""
    result = dict(value)
    for loc in locs:
        key = str(loc[0]) if loc else ""
        inner = result.get(key)
        if len(loc) > 1 and isinstance(inner, dict) and not _model_in(_field_type(subject.model, key)):
            result[key] = {name: item for name, item in inner.items() if name != loc[1]}
        else:
            result.pop(key, None)
    return result


def shape_findings(details: Sequence[Any], subject: Subject) -> Iterator[Diagnostic]:
    """The errors of one validation as findings; the alternatives of one place become one finding."""
    by_path: dict[Path, list[Any]] = {}
    misspelt = {
        (*path[:-1], _meant(str(path[-1]), _keys(subject, path[:-1])))
        for detail in details
        if detail["type"] == "extra_forbidden" and (path := _path(subject, detail)[0])
    }
    for detail in details:
        path, is_key = _path(subject, detail)
        by_path.setdefault((*path, "[key]") if is_key else path, []).append(detail)
    for path, group in by_path.items():
        if group[0]["type"] == "too_short" and any(other[: len(path)] == path != other for other in by_path):
            continue  # its items were left out for their own faults
        if path and path[-1] == "[key]":
            yield _bad_name(subject, path[:-1], group[0])
        elif group[0]["type"] != "missing" or path not in misspelt:
            yield from _at_path(subject, path, group)


def _path(subject: Subject, detail: Any) -> tuple[Path, bool]:
    """Follow the error's way through the value; a step the value does not have is a tag of the model, not a place."""
    path, value = subject.path, subject.tree.get(subject.path)
    for step in detail["loc"]:
        if step == "[key]":
            return path, True
        is_there = isinstance(value, dict) and step in value
        if not is_there and not (isinstance(value, list) and isinstance(step, int) and step < len(value)):
            break
        path, value = (*path, step), value[step]
    return ((*path, detail["loc"][-1]) if detail["type"] == "missing" else path), False


def _at_path(subject: Subject, path: Path, group: Sequence[Any]) -> Iterator[Diagnostic]:
    first = group[0]
    kind = first["type"]
    if kind == "missing":
        yield _missing(subject, path)
    elif kind == "extra_forbidden":
        yield unknown_key(subject, path)
    elif kind == "type_spec":
        for fault in first["ctx"]["faults"]:
            yield fault_diagnostic(subject.tree, path, fault)
    else:
        yield _wrong(subject, path, group)


def _missing(subject: Subject, path: Path) -> Diagnostic:
    message = f"missing key '{path[-1]}' in {subject.within(path[:-1])}"
    # A whole document has no key of its own; what it says it is comes nearest.
    place = subject.tree.key_at(path[:-1] or ("kind",))
    return Diagnostic("E002", message, place, help=f"add '{path[-1]}:'")


def unknown_key(subject: Subject, path: Path) -> Diagnostic:
    """The finding for a key that the mapping around it may not have."""
    message = f"unknown key '{path[-1]}' in {subject.within(path[:-1])}"
    keys, key = _keys(subject, path[:-1]), str(path[-1])
    taken = subject.tree.get(path[:-1], ())
    way_out = _elsewhere(subject, key, keys, taken) or hint(key, keys, "keys", taken=taken)
    if did_you_mean(key, keys) is None and (beyond := _beyond(subject, path[:-1])):
        way_out = f"{beyond}; keys: {one_of(keys)}"
    return Diagnostic("E002", message, subject.tree.key_at(path), help=way_out)


def _beyond(subject: Subject, path: Path) -> str | None:
    """What the mapping at `path` is taken for, and where that belongs: its model's `elsewhere`."""
    beyond: str | None = getattr(model_at(subject.model, path[len(subject.path) :]), "elsewhere", None)
    return beyond


_CALLED: Mapping[str, str] = {
    "when": "if", "condition": "if", "then": "to", "goto": "to", "target": "to", "otherwise": "else", "default": "else",
    "input": "with", "inputs": "with", "args": "with", "arguments": "with", "parameters": "with", "output": "returns",
    "schema": "returns", "response_format": "returns", "question": "message", "attempts": "max", "times": "max",
    "max_retries": "max", "max_attempts": "max", "delay": "wait", "backoff": "wait", "on_failure": "on_error",
    "catch": "on_error", "system_prompt": "system", "goes_to": "next", "edges": "next", "depends_on": "next",
    "concurrency": "max_concurrency", "k": "top_k", "limit": "top_k", "user_prompt": "prompt", "condition_if": "if",
}  # fmt: skip
"""What other tools call a key, and what it is called here."""

_OF_PROVIDERS = frozenset({"temperature", "max_tokens", "top_p", "seed", "stop", "frequency_penalty"})


def _elsewhere(subject: Subject, key: str, keys: Sequence[str], taken: Any) -> str | None:
    """Where a key belongs that is known, but not by this name or not at this place."""
    if "params" in keys and key in _OF_PROVIDERS:
        return f"it goes under params: {{ {key}: … }}"
    meant = called(key, keys, taken)
    if meant is not None and did_you_mean(key, keys) is None:
        return f"did you mean '{meant}'? keys: {one_of(keys)}"
    own = keys[0] if keys else ""
    inner = model_at(subject.model, (own,))
    if inner not in (None, subject.model) and key in keys_of(inner):
        return f"it goes under {own}: {{ {key}: … }}"
    return None


def _meant(key: str, keys: Sequence[str]) -> str | None:
    return did_you_mean(key, keys) or called(key, keys)


def called(key: str, keys: Collection[str], taken: Any = ()) -> str | None:
    """What a key of other tools is called here, if that is one of the keys and not there yet."""
    meant = _CALLED.get(key)
    return meant if meant is not None and meant in keys and meant not in taken else None


def _keys(subject: Subject, path: Path) -> tuple[str, ...]:
    """The keys that the mapping at `path` may have."""
    model = model_at(subject.model, path[len(subject.path) :])
    return (*(keys_of(model) if model else ()), *(subject.also if path == subject.path else ()))


def _bad_name(subject: Subject, path: Path, detail: Any) -> Diagnostic:
    place = subject.tree.key_at(path)
    if detail["type"] == "own_field":
        return Diagnostic("E002", str(detail["msg"]), place, help="give it another name")
    return Diagnostic("E002", f"'{path[-1]}' is not a name", place, help=name_help(detail))


def _wrong(subject: Subject, path: Path, group: Sequence[Any]) -> Diagnostic:
    value = subject.tree.get(path)
    what = label(path[len(subject.path) :]) or subject.name
    expected = list(dict.fromkeys(words for detail in group if (words := expectation(detail))))
    place = subject.tree.at(path)
    if not expected:
        message = str(group[0]["msg"]).removeprefix("Value error, ")
        return Diagnostic("E002", f"{what}: {message}", place)
    way_out = _instead(subject, path, value, expected) or _choice(value, group[0])
    is_count = isinstance(value, list) and group[0]["type"] in ("too_short", "too_long")
    seen = str(len(value)) if is_count else found(value)
    return Diagnostic("E002", f"{what} must be {' or '.join(expected)}, found {seen}", place, help=way_out)


def _instead(subject: Subject, path: Path, value: JsonValue, expected: Sequence[str]) -> str | None:
    """What to write in place of a value of the wrong kind."""
    if isinstance(value, str) and "a list" in expected:
        return f"write [{value}]"
    if isinstance(value, str) and "a name" in expected and "://" in value:
        return f"give it a name under use:, as in 'use: {{ x: {value} }}', and write that name here"
    if "a mapping" in expected and (keys := _keys(subject, path)):
        beyond = _beyond(subject, path)
        return f"{f'{beyond}; ' if beyond else ''}write {{ {keys[0]}: … }}; keys: {one_of(keys)}"
    return None


def _choice(value: JsonValue, detail: Any) -> str | None:
    """What was meant, where there is a choice of words; how a name looks, where one is expected."""
    choices = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
    near = did_you_mean(value, choices) if isinstance(value, str) else None
    return f"did you mean '{near}'?" if near else name_help(detail)


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys an author may write in a model: its own first, then those it shares with others."""
    return _keys_of(model)


@cache
def _keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    shared = {name for base in model.__bases__ if issubclass(base, BaseModel) for name in base.model_fields}
    fields = sorted(model.model_fields.items(), key=lambda item: item[0] in shared)
    return tuple(field.alias or name for name, field in fields)


def model_at(model: type[BaseModel] | None, path: Path) -> type[BaseModel] | None:
    """The model of the mapping at `path` below `model`."""
    for step in path:
        if model is None:
            return None
        inner = _field_type(model, str(step)) if isinstance(step, str) else None
        model = _model_in(inner) if inner is not None else model
    return model


def _field_type(model: type[BaseModel], key: str) -> Any:
    fields: Mapping[str, Any] = model.model_fields
    return next((field.annotation for name, field in fields.items() if (field.alias or name) == key), None)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arg in get_args(annotation) if (model := _model_in(arg))), None)
