"""`visits('node')` in the text of an expression → a look into the counts of visits, which is plain CEL."""

from __future__ import annotations

import re

from girih.language.expressions.syntax_tree import VISITS, Call, Expr, Literal, walk

_REST = re.compile(r"\(\s*(?P<quote>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")\s*\)")


def with_visits(text: str, tree: Expr) -> str:
    """The text with each `visits('a')` as `visits[?'a'].orValue(0)`: a node that has not run is not counted."""
    if VISITS not in text:
        return text
    places = sorted({expr.at for expr in walk(tree) if _is_visits(expr)}, reverse=True)
    for at in places:
        found = _REST.match(text, at)
        if found is not None:
            text = f"{text[:at]}[?{found['quote']}].orValue(0){text[found.end() :]}"
    return text


def _is_visits(expr: Expr) -> bool:
    return (
        isinstance(expr, Call)
        and expr.function == VISITS
        and expr.target is None
        and len(expr.arguments) == 1
        and isinstance(expr.arguments[0], Literal)
    )
