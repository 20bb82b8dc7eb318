"""The ways to write `next:`: checked rule by rule, and brought into one form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.suggest import hint
from girih.language.spec.tree import JsonValue, Path, Tree
from girih.language.spec.words import found

_KEYS = ("if", "to", "else", "max_visits")
_FORM = "write 'next: NODE', or a list of rules like { if: \"…\", to: NODE } and { else: NODE }"
_MOST_VISITS = 1000


def route_findings(value: JsonValue, tree: Tree, path: Path, subject: str) -> Iterator[Diagnostic]:
    """What is wrong with the `next:` at `path` (E002)."""
    if value is None or not isinstance(value, str | dict | list) or value == []:
        yield Diagnostic(
            "E002", f"'next' of {subject} leads nowhere: found {_what(value)}", tree.key_at(path), help=_FORM
        )
        return
    rules = value if isinstance(value, list) else [value]
    for i, rule in enumerate(rules):
        at = (*path, i) if isinstance(value, list) else path
        yield from _rule_findings(rule, tree, at, subject)
        if isinstance(rule, dict) and "else" in rule and i < len(rules) - 1:
            yield Diagnostic(
                "E002", "'else' must be the last rule", tree.key_at((*at, "else")), help="move it to the end"
            )


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
            place = tree.key_at((*path, key))
            yield Diagnostic(
                "E002", f"unknown key '{key}' in 'next' of {subject}", place, help=hint(key, _KEYS, "keys", taken=rule)
            )
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


def _route(value: Any, at: Path) -> Any:
    if isinstance(value, str):
        return {"to": value, "at": at, "condition_at": at}
    if not isinstance(value, dict):
        return value
    rule = dict(value)
    if "if" in rule:
        rule |= {"condition": rule.pop("if"), "condition_at": (*at, "if")}
    if "else" in rule and "to" not in rule:
        return rule | {"to": rule.pop("else"), "otherwise": True, "at": (*at, "else")}
    return rule | {"at": (*at, "to")}
