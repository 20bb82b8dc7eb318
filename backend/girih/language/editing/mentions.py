"""Every place of a graph that names one of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from girih.language.compiler.builtin_names import ERRORS
from girih.language.compiler.expressions_of import conditions_of, values_of
from girih.language.compiler.unit import Unit
from girih.language.editing.spots import starts_of
from girih.language.expressions.cel import ExpressionError, ParseFault, parse
from girih.language.expressions.syntax_tree import VISITS, Call, Expr, Field, Literal, Loop, Name, children
from girih.language.expressions.values import Unterminated, expressions_in, texts
from girih.language.spec.model import GraphNode, Merged
from girih.language.spec.tree import JsonValue, Path


@dataclass(frozen=True)
class Mention:
    """A place that names a node. `span` is `None` where it is written in a way whose characters are not known."""

    node: str
    span: tuple[int, int] | None
    path: Path
    is_definition: bool = False


def mentions(unit: Unit) -> Iterator[Mention]:
    """Every mention of every node, and of names that are none but stand where one is asked for."""
    yield from _names(unit)
    seen: set[Path] = set()
    for path in _targets(unit):
        name = unit.tree.get(path)
        if isinstance(name, str) and path not in seen:
            seen.add(path)
            yield Mention(name, starts_of(unit.tree, path, 0, len(name)), path)
    for path, text, bound in _expressions(unit):
        yield from _in_text(unit, path, text, bound)
    for path, text, bound in _conditions(unit):
        yield from _in_expression(unit, path, 0, text, bound)
    yield from _in_tests(unit)


def mentions_of(unit: Unit, node: str) -> list[Mention]:
    """The mentions of one node."""
    return [mention for mention in mentions(unit) if mention.node == node]


def mention_at(unit: Unit, index: int) -> Mention | None:
    """The mention that stands at a character."""
    return next((m for m in mentions(unit) if m.span is not None and m.span[0] <= index <= m.span[1]), None)


def _names(unit: Unit) -> Iterator[Mention]:
    for name in unit.graph.nodes:
        yield _of_key(unit, name, ("nodes", name), is_definition=True)


def _of_key(unit: Unit, name: str, path: Path, *, is_definition: bool = False) -> Mention:
    spot = unit.tree.spots.get(path)
    key = spot.key if spot is not None else None
    if key is not None:
        written = unit.tree.source.text[key[0] : key[1]]
        start = key[0] + written.find(name) if name in written else -1
        key = (start, start + len(name)) if start >= 0 else None
    return Mention(name, key, path, is_definition)


def _targets(unit: Unit) -> Iterator[Path]:
    yield ("start",)
    for name, node in unit.graph.nodes.items():
        base: Path = ("nodes", name)
        yield from ((*base, *route.at) for route in node.routes)
        yield from (way.path for way in unit.flow.ways[name] if way.path != base)
        yield from ((*base, *branch.path) for branch in unit.flow.forks[name])


def _bound(unit: Unit, name: str) -> frozenset[str]:
    region = unit.flow.regions.get(name)
    return frozenset(unit.binds_in(region)) if region is not None else frozenset()


def _expressions(unit: Unit) -> Iterator[tuple[Path, str, frozenset[str]]]:
    """The texts that may hold `${ … }`, and the names that mean something else than a node in each."""
    for name, node in unit.graph.nodes.items():
        for path, value in _values(unit, node):
            owner = name
            for inner, text in texts(value, ("nodes", name, *path)):
                yield inner, text, _bound(unit, owner)
    for name, output in unit.graph.outputs.items():
        if not isinstance(output, Merged):
            yield from ((path, text, frozenset()) for path, text in texts(output, ("outputs", name)))


def _values(unit: Unit, node: GraphNode) -> Iterator[tuple[Path, JsonValue]]:
    """What a node has to evaluate; of one that could not be read, all that it says."""
    if node.sound and node.verb in unit.kinds:
        yield from {given.path: given.value for given in values_of(unit, node)}.items()
    else:
        yield (), node.raw


def _conditions(unit: Unit) -> Iterator[tuple[Path, str, frozenset[str]]]:
    for name, node in unit.graph.nodes.items():
        for asked in conditions_of(unit, node):
            yield ("nodes", name, *asked.path), asked.text, _bound(unit, name) | frozenset(asked.binds)
    for name, output in unit.graph.outputs.items():
        if isinstance(output, Merged):
            yield from ((("outputs", name, "from", i), text, frozenset()) for i, text in enumerate(output.from_))


def _in_text(unit: Unit, path: Path, text: str, bound: frozenset[str]) -> Iterator[Mention]:
    try:
        found = expressions_in(text)
    except Unterminated:
        return
    for expression in found:
        yield from _in_expression(unit, path, expression.offset, expression.text, bound)


def _in_expression(unit: Unit, path: Path, offset: int, text: str, bound: frozenset[str]) -> Iterator[Mention]:
    try:
        tree = parse(text)
    except (ParseFault, ExpressionError, RecursionError):
        return
    for at, name in named_in(tree, text, bound):
        if name in unit.graph.nodes:
            yield Mention(name, starts_of(unit.tree, path, offset + at, len(name)), path)


def named_in(expr: Expr, text: str, bound: frozenset[str] = frozenset()) -> Iterator[tuple[int, str]]:
    """What may be nodes in an expression: names from outside, `visits('node')`, and `errors.node`."""
    match expr:
        case Name(name=name) if name not in bound:
            yield expr.at, name
        case Call(function="visits", target=None, arguments=(Literal(at=at, value=str(value)),)) if VISITS not in bound:
            yield _behind(text, at, value), value
        case Field(operand=Name(name="errors"), name=name) if ERRORS not in bound:
            yield _behind(text, expr.at, name), name
    for i, part in enumerate(children(expr)):
        inner = bound | {expr.variable} if isinstance(expr, Loop) and i > 0 else bound
        yield from named_in(part, text, inner)


def _behind(text: str, at: int, word: str) -> int:
    found = text.find(word, at)
    return found if found >= 0 else at


def _in_tests(unit: Unit) -> Iterator[Mention]:
    written = unit.tree.get(("tests",))
    for i, test in enumerate(written if isinstance(written, list) else ()):
        yield from _in_test(unit, test, ("tests", i))
        cases = test.get("cases") if isinstance(test, dict) else None
        for j, case in enumerate(cases if isinstance(cases, list) else ()):
            yield from _in_test(unit, case, ("tests", i, "cases", j))


def _in_test(unit: Unit, test: JsonValue, base: Path) -> Iterator[Mention]:
    if not isinstance(test, dict):
        return
    for part in ("mock", "answers"):
        for name in _keys(test.get(part)):
            yield _of_key(unit, name, (*base, part, name))
    expect = test.get("expect")
    if not isinstance(expect, dict):
        return
    error = expect.get("error")
    paths: list[Path] = [("error", "node")] if isinstance(error, dict) else []
    for part in ("path", "waits_for"):
        listed = expect.get(part)
        paths += [(part,)] if isinstance(listed, str) else [(part, i) for i in _indexes(listed)]
    for path in paths:
        full: Path = (*base, "expect", *path)
        name = unit.tree.get(full)
        if isinstance(name, str):
            yield Mention(name, starts_of(unit.tree, full, 0, len(name)), full)


def _keys(value: JsonValue) -> Iterable[str]:
    return value if isinstance(value, dict) else ()


def _indexes(value: JsonValue) -> range:
    return range(len(value)) if isinstance(value, list) else range(0)
