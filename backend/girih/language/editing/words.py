"""What a cursor points at in a text that was analysed: a node, an alias, a file, a name with fields, a key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from girih.language.compiler.expressions_of import conditions_of
from girih.language.compiler.unit import Unit
from girih.language.editing.mentions import Mention, mention_at
from girih.language.editing.spots import At, offset_in, path_at
from girih.language.expressions.cel import ExpressionError, ParseFault, parse
from girih.language.expressions.syntax_tree import Expr, Field, Name, children, spoken
from girih.language.expressions.values import Unterminated, expressions_in
from girih.language.spec.tree import Path, Tree


@dataclass(frozen=True)
class Chain:
    """A name with fields in an expression, up to the part that is pointed at: `search.hits` of `search.hits.size()`."""

    text: str
    path: Path
    """The text of the file that it stands in."""
    word: str
    """The part that is pointed at."""
    expression: str


@dataclass(frozen=True)
class Pointed:
    """What stands at a character."""

    at: At | None
    mention: Mention | None = None
    chain: Chain | None = None


def pointed_at(tree: Tree, unit: Unit | None, index: int) -> Pointed:
    """What a character of a spec belongs to."""
    at = path_at(tree, index)
    if unit is None or at is None:
        return Pointed(at)
    chain = _chain_at(unit, at.path, index) if not at.is_key else None
    mention = mention_at(unit, index)
    if mention is not None and chain is not None and chain.word != mention.node:
        mention = None
    return Pointed(at, mention, chain)


def _chain_at(unit: Unit, path: Path, index: int) -> Chain | None:
    offset = offset_in(unit.tree, path, index)
    if offset is None:
        return None
    for start, text in expressions_at(unit, path):
        if start <= offset <= start + len(text):
            return _in_expression(text, offset - start, path)
    return None


def expressions_at(unit: Unit, path: Path) -> Iterator[tuple[int, str]]:
    """The expressions in the text at a path, each with its offset in it."""
    text = unit.tree.get(path)
    if not isinstance(text, str):
        return
    if is_condition(unit, path):
        yield 0, text
        return
    try:
        yield from ((expression.offset, expression.text) for expression in expressions_in(text))
    except Unterminated:
        return


def is_condition(unit: Unit, path: Path) -> bool:
    """Whether the text at a path is an expression as a whole."""
    if path[:1] == ("outputs",):
        return "from" in path[2:3]
    if path[:1] == ("tests",):
        return path[-2:] == ("expect", "output")
    node = unit.graph.nodes.get(str(path[1])) if path[:1] == ("nodes",) and len(path) > 2 else None
    return node is not None and any(asked.path == path[2:] for asked in conditions_of(unit, node))


def _in_expression(text: str, offset: int, path: Path) -> Chain | None:
    try:
        tree = parse(text)
    except (ParseFault, ExpressionError, RecursionError):
        return None
    for part, start, word in _words(tree, text):
        said = spoken(part)
        if start <= offset <= start + len(word) and said is not None:
            return Chain(said, path, word, text)
    return None


def _words(expr: Expr, text: str) -> Iterator[tuple[Expr, int, str]]:
    """Each name and field of an expression: the part that ends with it, where it stands, and itself."""
    if isinstance(expr, Name):
        yield expr, expr.at, expr.name
    elif isinstance(expr, Field):
        yield expr, max(0, text.find(expr.name, expr.at)), expr.name
    for part in children(expr):
        yield from _words(part, text)
