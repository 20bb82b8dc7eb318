"""The ways to write `next:`: checked rule by rule, and brought into one form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.findings import called
from girih.language.spec.suggest import did_you_mean, hint, one_of
from girih.language.spec.tree import JsonObject, JsonValue, Path, Tree
from girih.language.spec.words import found

_KEYS = ("if", "to", "else", "max_visits")
_FORM = "write 'next: NODE', or a list of rules like { if: \"…\", to: NODE } and { else: NODE }"
_MOST_VISITS = 1000


@dataclass(frozen=True)
class Rules:
    """A `next:` that was read: its sound rules in one form, and what is wrong with it.

    `is_complete` is false where a rule had to be left out: then it is not known where the node leads.
    """

    sound: tuple[JsonObject, ...]
    faults: tuple[Diagnostic, ...]
    is_complete: bool


def read_rules(value: JsonValue, tree: Tree, path: Path, subject: str) -> Rules:
    """The rules of the `next:` at `path`; a fault (E002) costs its own rule and no other."""
    if value is None or not isinstance(value, str | dict | list) or value == []:
        message = f"'next' of {subject} leads nowhere: found {_what(value)}"
        return Rules((), (Diagnostic("E002", message, tree.key_at(path), help=_FORM),), is_complete=False)
    rules = value if isinstance(value, list) else [value]
    faults: list[Diagnostic] = []
    sound: list[JsonObject] = []
    for i, written in enumerate(rules):
        at: Path = (i,) if isinstance(value, list) else ()
        rule, misspelt = _mended(written)
        found_here = list(_rule_findings(rule, tree, (*path, *at), subject))
        if not found_here:
            sound.append(_route(rule, ("next", *at), {right: wrong for wrong, right in misspelt.items()}))
        faults += found_here
        faults += [_unknown(rule, wrong, tree, (*path, *at), subject, right) for wrong, right in misspelt.items()]
        if isinstance(rule, dict) and "else" in rule and i < len(rules) - 1:
            place = tree.key_at((*path, *at, "else"))
            faults.append(Diagnostic("E002", "'else' must be the last rule", place, help="move it to the end"))
    return Rules(tuple(sound), tuple(faults), is_complete=len(sound) == len(rules))


def _mended(rule: JsonValue) -> tuple[JsonValue, dict[str, str]]:
    """The rule with a misspelt key under the name that was meant, where that is free: wrong name → right name."""
    names: dict[str, str] = {}
    for key in rule if isinstance(rule, dict) else ():
        near = (called(key, _KEYS) or did_you_mean(key, _KEYS)) if key not in _KEYS else None
        if near is not None and near not in rule and near not in names.values():
            names[key] = near
    return ({names.get(key, key): item for key, item in rule.items()}, names) if names else (rule, {})


def _unknown(rule: JsonObject, key: str, tree: Tree, path: Path, subject: str, near: str | None = None) -> Diagnostic:
    taken = [name for name in rule if name != near]
    place = tree.key_at((*path, key))
    meant = called(key, _KEYS, taken)
    way_out = f"did you mean '{meant}'? keys: {one_of(_KEYS)}" if meant else hint(key, _KEYS, "keys", taken=taken)
    return Diagnostic("E002", f"unknown key '{key}' in 'next' of {subject}", place, help=way_out)


def _what(value: JsonValue) -> str:
    return "an empty list" if value == [] else found(value)


def _rule_findings(rule: JsonValue, tree: Tree, path: Path, subject: str) -> Iterator[Diagnostic]:
    if isinstance(rule, str):
        return
    if not isinstance(rule, dict):
        yield Diagnostic("E002", f"a rule of 'next' is expected, found {found(rule)}", tree.at(path), help=_FORM)
        return
    for key in rule:
        if key not in _KEYS:
            yield _unknown(rule, key, tree, path, subject)
    yield from _shape_findings(rule, tree, path, subject)
    yield from _value_findings(rule, tree, path)


def _shape_findings(rule: dict[str, JsonValue], tree: Tree, path: Path, subject: str) -> Iterator[Diagnostic]:
    if "else" in rule and ("to" in rule or "if" in rule):
        message = f"a rule of {subject} has 'else' beside '{'to' if 'to' in rule else 'if'}'"
        yield Diagnostic(
            "E002", message, tree.key_at((*path, "else")), help="write { else: NODE } as a rule of its own"
        )
    elif "else" not in rule and "to" not in rule:
        message = f"missing key 'to' in 'next' of {subject}"
        yield Diagnostic("E002", message, tree.key_at(path), help="add 'to: NODE'")


def _value_findings(rule: dict[str, JsonValue], tree: Tree, path: Path) -> Iterator[Diagnostic]:
    for key, what in (("to", "the name of a node"), ("else", "the name of a node"), ("if", "a condition")):
        if key in rule and not isinstance(rule[key], str):
            message = f"'{key}' must be {what}, found {found(rule[key])}"
            help_quoted = "quote the condition" if key == "if" else None
            yield Diagnostic("E002", message, tree.at((*path, key)), help=help_quoted)
    visits = rule.get("max_visits", 1)
    if not isinstance(visits, int) or isinstance(visits, bool) or not 1 <= visits <= _MOST_VISITS:
        message = f"'max_visits' must be a whole number from 1 to {_MOST_VISITS}, found {found(visits)}"
        yield Diagnostic("E002", message, tree.at((*path, "max_visits")))


def normalize_routes(value: Any) -> Any:
    """Bring every way to write `next:` into a list of routes, each with the path its target stands at."""
    if value is None:
        return ()
    if isinstance(value, str):
        return ({"to": value},)
    if isinstance(value, dict):
        return (_route(value, ("next",)),)
    if isinstance(value, list):
        return tuple(_route(item, ("next", i)) for i, item in enumerate(value))
    return value


def _route(value: Any, at: Path, written: Mapping[str, str] = MappingProxyType({})) -> Any:
    """One rule with the places of its parts; `written` says how a key was spelt, where that was wrong."""
    if isinstance(value, str):
        return {"to": value, "at": at, "condition_at": at}
    if not isinstance(value, dict) or "at" in value:
        return value  # one that was read already keeps its places
    rule = dict(value)
    if "if" in rule:
        rule |= {"condition": rule.pop("if"), "condition_at": (*at, written.get("if", "if"))}
    if "else" in rule and "to" not in rule:
        return rule | {"to": rule.pop("else"), "otherwise": True, "at": (*at, written.get("else", "else"))}
    return rule | {"at": (*at, written.get("to", "to"))}
