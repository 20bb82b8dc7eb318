"""What can be written at a cursor: by the text before it, and by what the last analysis knew of the graph."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import dirname, relpath

from girih.language.compiler.folder import SPEC_SUFFIXES
from girih.language.compiler.unit import Unit
from girih.language.editing.cursor import Cursor, cursor_at, keys_after
from girih.language.editing.expressions import (
    Around,
    expression_before,
    functions,
    methods_of,
    typed_in,
)
from girih.language.editing.options import Option, Sort
from girih.language.editing.places import is_file, is_target, may_end, scheme_at
from girih.language.editing.positions import between
from girih.language.editing.reading import Reading
from girih.language.editing.shapes import Shapes, kind_in, verb_among
from girih.language.editing.wording import in_words
from girih.language.expressions.kinds import phrase
from girih.language.nodes.base import NodeConfig
from girih.language.nodes.registry import kinds
from girih.language.spec.model import END, FAIL, GraphNode
from girih.language.spec.reader import MAX_BYTES
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonValue, Path
from girih.language.spec.uris import PIPELINE, SCHEMES

MOST = 1000
"""Options that are offered at one place."""

_WORD = re.compile(r"[\w$./:@-]*\Z")


@dataclass(frozen=True)
class Place:
    """A cursor in a file, with all that is known there."""

    source: Source
    index: int
    cursor: Cursor
    verb: str | None
    shapes: Shapes
    reading: Reading | None
    unit: Unit | None

    @property
    def below(self) -> Path:
        """The path below the node that the cursor is in."""
        return self.cursor.path[2:] if self.cursor.path[:1] == ("nodes",) else self.cursor.path

    def option(self, label: str, sort: Sort, typed: str, *, insert: str | None = None, detail: str | None = None,
               documentation: str | None = None) -> Option:  # fmt: skip
        """A word in place of what is typed of it."""
        range_ = between(self.source, self.index - len(typed), self.index)
        return Option(label, sort, label if insert is None else insert, range_, detail, documentation)


def place_at(source: Source, index: int, reading: Reading | None, unit: Unit | None) -> Place:
    """What is known at a character of a spec."""
    cursor = cursor_at(source.text, index)
    keys = cursor.around[2] if len(cursor.around) > 2 else ()
    if cursor.path[:1] == ("nodes",) and len(cursor.path) == 2 and cursor.at == "key" and not cursor.is_flow:
        keys = (*keys, *keys_after(source.text, index, cursor.column))
    node = unit.graph.nodes.get(str(cursor.path[1])) if unit is not None and len(cursor.path) > 1 else None
    verb = verb_among(keys) or (node.verb if node is not None and cursor.path[0] == "nodes" else None)
    return Place(source, index, cursor, verb, Shapes(kind_in(source.text), verb), reading, unit)


def completions(source: Source, index: int, reading: Reading | None, unit: Unit | None) -> list[Option]:
    """What can be written at a character of a spec, the likeliest first."""
    if len(source.text) > MAX_BYTES:
        return []
    place = place_at(source, index, reading, unit)
    cursor = place.cursor
    if cursor.at == "comment":
        return []
    if cursor.at == "value":
        expression = expression_before(cursor.text, cursor.path)
        found = _values(place) if expression is None else _in_expression(place, expression)
    else:
        found = iter((*_keys(place), *(_values(place) if not cursor.siblings else ())))
    seen: dict[str, Option] = {}
    for option in found:
        seen.setdefault(option.label, option)
        if len(seen) >= MOST:
            break
    return list(seen.values())


# --- keys


def _keys(place: Place) -> Iterator[Option]:
    cursor = place.cursor
    taken = {*cursor.siblings}
    if not cursor.is_flow:
        taken |= set(keys_after(place.source.text, place.index, cursor.column))
    typed = cursor.text
    follows = place.source.text[place.index : place.index + 80].split("\n")[0].lstrip("\"'")
    colon = "" if follows.lstrip().startswith(":") or cursor.quote else ": "
    for key, sort, said in (*_known_keys(place), *((name, "name", None) for name in _names_as_keys(place))):
        if key not in taken:
            yield place.option(key, sort, typed, insert=key + colon, documentation=said)


def _known_keys(place: Place) -> Iterator[tuple[str, Sort, str | None]]:
    """The keys of the language that may stand here, and what each means; of a node without a verb, all verbs."""
    path = place.cursor.path
    if path[:1] == ("nodes",) and len(path) == 2 and place.verb is None:
        for verb, kind in kinds().items():
            yield verb, "verb", inspect.getdoc(type(kind))
        common = Shapes(kind_in(place.source.text), "set")
        for name in NodeConfig.model_fields:
            yield name, "key", common.described((*path, name))
    else:
        for key in place.shapes.keys(path):
            yield key, "key", place.shapes.described((*path, key))


def _names_as_keys(place: Place) -> Iterator[str]:
    """Names of the graph that stand as keys: in tests, in what is written, in what a tool or a graph is given."""
    path, unit = place.cursor.path, place.unit
    if unit is None:
        return
    if path[:1] == ("tests",):
        yield from _names_in_test(path, unit)
    elif path[-1:] == ("write",):
        yield from unit.graph.state
    elif path[:1] == ("nodes",) and path[2:] == ("with",):
        yield from _asked_for(unit, str(path[1]))


def _names_in_test(path: Path, unit: Unit) -> Iterator[str]:
    part = path[-1]
    sections: dict[str | int, Iterable[str]] = {
        "mock": unit.graph.nodes,
        "answers": unit.graph.nodes,
        "given": unit.graph.inputs,
        "state": unit.graph.state,
        "outputs": unit.graph.outputs,
    }
    yield from sections.get(part, ())
    if path[-2:-1] == ("mock",) and part in unit.graph.nodes:
        yield from (unit.fixed_type(str(part)) or {}).get("properties", {})


def _asked_for(unit: Unit, name: str) -> Iterator[str]:
    node = unit.graph.nodes.get(name)
    alias = node.raw.get(node.verb) if node is not None else None
    if isinstance(alias, str) and alias in unit.scope.tools:
        yield from unit.scope.tools[alias].parameters.get("properties", {})
    elif isinstance(alias, str) and alias in unit.scope.graphs:
        yield from unit.scope.graphs[alias].inputs.get("properties", {})


# --- values


def _values(place: Place) -> Iterator[Option]:
    word = _WORD.search(place.cursor.text)
    typed = word.group() if word is not None else ""
    for source in (_targets, _aliases, _uris, _files, _choices):
        yield from source(place, typed)


def _targets(place: Place, typed: str) -> Iterator[Option]:
    cursor, unit = place.cursor, place.unit
    in_test = cursor.path[:1] == ("tests",) and any(step in ("path", "waits_for", "node") for step in cursor.path[2:])
    in_node = cursor.path[:1] == ("nodes",) and len(cursor.path) > 2 and is_target(place.verb, place.below)
    if not (in_test or in_node or cursor.path == ("start",)):
        return
    own = cursor.path[1] if in_node else None
    for name, node in unit.graph.nodes.items() if unit is not None else ():
        if name != own:
            yield place.option(name, "node", typed, detail=node.verb, documentation=_said_of(node))
    for word, means in (
        ((END, "ends the run well"), (FAIL, "fails the run")) if in_node and may_end(place.below) else ()
    ):
        yield place.option(word, "value", typed, detail=means)


def _said_of(node: GraphNode) -> str | None:
    said = node.raw.get("title") or node.raw.get("description")
    return said if isinstance(said, str) else None


def _aliases(place: Place, typed: str) -> Iterator[Option]:
    if place.cursor.path[:1] != ("nodes",) or place.unit is None or len(place.cursor.path) < 3:
        return
    scheme = scheme_at(place.verb, place.below)
    for alias, known in place.unit.resolved.schemes.items() if scheme is not None else ():
        if known == scheme:
            uri = ", ".join(place.unit.graph.use.get(alias, ()))
            yield place.option(alias, "alias", typed, detail=uri)


def _uris(place: Place, typed: str) -> Iterator[Option]:
    if place.reading is None:
        return
    for scheme in _schemes_at(place.cursor.path, place.shapes.kind):
        for name in place.reading.analysis.known.names(scheme):
            yield place.option(f"{scheme}://{name}", "uri", typed, detail=f"a {scheme} of this workspace")


def _schemes_at(path: Path, kind: str) -> tuple[str, ...]:
    """What a value may name."""
    if path[:1] == ("use",) and len(path) > 1:
        return SCHEMES
    if kind == "collection" and path == ("pipeline",):
        return (PIPELINE,)
    return ("model",) if kind == "pipeline" and path == ("enricher", "model") else ()


def _files(place: Place, typed: str) -> Iterator[Option]:
    if not is_file(place.cursor.path) or place.reading is None:
        return
    is_case = place.cursor.path[-1] == "cases"
    here = dirname(place.source.name)
    for name in place.reading.files:
        if name != place.source.name and is_case is (PurePosixPath(name).suffix in (*SPEC_SUFFIXES, ".csv", ".jsonl")):
            inside = relpath(name, here) if here and name.startswith(f"{here}/") else name
            yield place.option(inside, "file", typed)


def _choices(place: Place, typed: str) -> Iterator[Option]:
    for value in place.shapes.choices(place.cursor.path):
        yield place.option(_written(value), "value", typed)


def _written(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# --- expressions


def _in_expression(place: Place, expression: str) -> Iterator[Option]:
    typed = typed_in(expression)
    if typed is None or place.unit is None:
        return
    around = Around(place.unit, place.cursor.path, expression)
    if typed.is_text:
        values = around.values(typed.owner) if typed.owner is not None else list(place.unit.graph.nodes)
        yield from (place.option(str(value), "value", typed.word) for value in values)
    elif typed.owner is not None:
        for name, schema, always in around.fields(typed.owner):
            detail = phrase(schema) + ("" if always else ", may be missing")
            yield place.option(name, "field", typed.word, detail=detail, documentation=in_words(schema))
        for name in methods_of(around.type_of(typed.owner)):
            yield place.option(name, "function", typed.word, insert=f"{name}(")
    else:
        for name, schema in around.names():
            yield place.option(name, "name", typed.word, detail=phrase(schema))
        for name in functions():
            yield place.option(name, "function", typed.word, insert=f"{name}(")
