"""Types and nodes in words, as an editor shows them beside the text."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from girih.language.compiler.unit import Unit
from girih.language.expressions.kinds import field, field_names, is_kind, items, phrase
from girih.language.spec.tree import JsonSchema

_DEEPEST = 2
_MOST_FIELDS = 40


def in_words(schema: JsonSchema, *, deep: bool = True) -> str:
    """A type: its phrase, and below it a line for each of its fields."""
    lines = [_phrase(schema)]
    if deep:
        lines += _fields(schema, 0)
    return "\n".join(lines)


def _phrase(schema: JsonSchema) -> str:
    if is_kind(schema, "array"):
        inner = items(schema)
        return f"a list, each item {phrase(inner)}" if inner else "a list"
    return phrase(schema)


def _fields(schema: JsonSchema, depth: int) -> Iterator[str]:
    inner = items(schema) if is_kind(schema, "array") else schema
    for name in field_names(inner)[:_MOST_FIELDS]:
        found = field(inner, name)
        if found is None:
            continue
        said = found.schema.get("description")
        more = f" – {said}" if isinstance(said, str) else ""
        mark = "" if found.always else " (may be missing)"
        yield f"{'  ' * depth}- `{name}`: {_phrase(found.schema)}{mark}{more}"
        if depth + 1 < _DEEPEST:
            yield from _fields(found.schema, depth + 1)


def of_node(unit: Unit, name: str) -> str:
    """A node: its verb and what that does, what the author says of it, and what it returns."""
    node = unit.graph.nodes[name]
    parts = [f"**{name}** – `{node.verb}` node" if node.verb else f"**{name}** – a node without a verb"]
    parts += [said for key in ("title", "description") if isinstance(said := node.raw.get(key), str)]
    if node.verb in unit.kinds:
        parts.append((inspect.getdoc(type(unit.kinds[node.verb])) or "").partition("\n\n")[0])
    if node.sound:
        parts.append(f"It returns {in_words(unit.fixed_type(name) or {})}")
    return "\n\n".join(parts)
