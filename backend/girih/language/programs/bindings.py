"""The names of a program: where each gets its values, and which of them hold data that may be changed in place."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from girih.language.programs.builtin_types import CHANGING, HANDING_ON

How = Literal["value", "item", "changed", "unknown"]
"""A name is given a value, each item of one in turn, the outcome of `name op= value`, or something not followed."""


@dataclass(frozen=True)
class Binding:
    """One way a name gets a value: from which expression, and how."""

    how: How
    source: ast.expr | ast.AugAssign | None = None


@dataclass
class Bindings:
    """Name → its bindings, over the whole program; a name of an inner function counts as unknown."""

    found: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    changed: frozenset[str] = frozenset()
    """Names whose lists and mappings may be changed after they were made."""


def bindings_of(tree: ast.Module) -> Bindings:
    """What binds the names of a program."""
    result = Bindings()
    for node in ast.walk(tree):
        for name, binding in _bound(node):
            result.found[name].append(binding)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            for name in _own_names(function):
                result.found[name].append(Binding("unknown"))
    result.changed = _all_changed(tree, result.found)
    return result


def _bound(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _targets(target, Binding("value", node.value))
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        yield from _targets(node.target, Binding("value", node.value) if node.value else Binding("unknown"))
    elif isinstance(node, ast.AugAssign):
        yield from _targets(node.target, Binding("changed", node))
    elif isinstance(node, ast.For | ast.comprehension):
        yield from _targets(node.target, Binding("item", node.iter))
    else:
        yield from ((name, Binding("unknown")) for name in _other_names(node))


def _targets(target: ast.expr, binding: Binding) -> Iterator[tuple[str, Binding]]:
    if isinstance(target, ast.Name):
        yield target.id, binding
    elif isinstance(target, ast.Tuple | ast.List | ast.Starred):
        yield from ((part.id, Binding("unknown")) for part in ast.walk(target) if isinstance(part, ast.Name))


def _other_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif (
        isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name
    ):
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    elif isinstance(node, ast.withitem) and node.optional_vars:
        yield from (part.id for part in ast.walk(node.optional_vars) if isinstance(part, ast.Name))
    elif isinstance(node, ast.arg):
        yield node.arg


def _own_names(function: ast.AST) -> Iterator[str]:
    """What is bound somewhere inside of a function: seen from outside, it may be anything."""
    for node in ast.walk(function):
        yield from (name for name, _ in _bound(node))


def _changed(node: ast.AST, own: frozenset[str]) -> Iterator[str]:
    """The names that hold what a part of the program changes in place, or hands to a function that may do so."""
    changed: list[ast.expr] = []
    if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
        changed = [node.value]
    elif isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in CHANGING:
            changed = [function.value, *node.args]
        elif any(isinstance(part, ast.Name) and part.id in own for part in _roots(function)):
            changed = [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(function, ast.Name) and function.id in HANDING_ON:
            changed = [*node.args]
    for part in changed:
        yield from _names(part)


def _roots(function: ast.expr) -> Iterator[ast.expr]:
    while isinstance(function, ast.Attribute | ast.Subscript | ast.Call):
        function = function.func if isinstance(function, ast.Call) else function.value
    yield function


def _names(part: ast.AST) -> Iterator[str]:
    return (name.id for name in ast.walk(part) if isinstance(name, ast.Name))


def _all_changed(tree: ast.Module, found: Mapping[str, list[Binding]]) -> frozenset[str]:
    """The changed names, and those that share their data: what is changed under one name is changed under all."""
    own = frozenset(name for name, ways in found.items() if all(way.how == "unknown" for way in ways))
    waiting = [name for node in ast.walk(tree) for name in _changed(node, own)]
    changed: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in changed:
            changed.add(name)
            sources = [way.source for way in found.get(name, ()) if way.source is not None]
            waiting += (other for source in sources for other in _names(source))
    return frozenset(changed)
