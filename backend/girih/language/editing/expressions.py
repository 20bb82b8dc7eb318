"""Expressions while they are typed: what stands before the cursor, and what type that is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from girih.language.compiler.expressions_of import conditions_of
from girih.language.compiler.lower import output_type
from girih.language.compiler.unit import AllNames, Unit
from girih.language.expressions.check import MAX_LENGTH, check_expression
from girih.language.expressions.functions import FUNCTIONS, MACROS, METHODS
from girih.language.expressions.kinds import ANY, choices, field, field_names, is_kind, items
from girih.language.expressions.names import FixedNames
from girih.language.spec.tree import JsonSchema, JsonValue, Path

_CHAIN = r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^\[\]]{0,40}\]|\.\??[A-Za-z_][A-Za-z0-9_]*)*"
_END = re.compile(rf"(?:(?P<owner>{_CHAIN})\.\??)?(?P<word>[A-Za-z_]?[A-Za-z0-9_]*)\Z")
_COMPARED = re.compile(rf"(?P<owner>{_CHAIN})\s*(?:==|!=)\s*(?P<quote>['\"])(?P<word>[^'\"]*)\Z")
_VISITS = re.compile(r"\bvisits\(\s*['\"](?P<word>\w*)\Z")
_LOOP = re.compile(rf"(?P<over>{_CHAIN})\.(?:{'|'.join(MACROS)})\(\s*(?P<name>\w+)\s*,")
_CONDITIONS = frozenset({"if", "when"})


class Typed(NamedTuple):
    """The end of an expression: the word that is typed, and of what it may be a field."""

    word: str
    owner: str | None = None
    is_text: bool = False
    """Inside of quotes: the word is one of the values that `owner` may have, or a node to count the visits of."""


def expression_before(text: str, path: Path) -> str | None:
    """The part of an expression that stands before the cursor; `None` where there is none."""
    if path and (path[-1] in _CONDITIONS or path[-1:] == ("output",) or "from" in path[-2:-1]):
        return text.removeprefix("${") if not text.lstrip().startswith("${") else text.lstrip().removeprefix("${")
    opened = text.rfind("${")
    if opened < 0:
        return None
    inner = text[opened + 2 :]
    return None if _is_closed(inner) else inner


def _is_closed(text: str) -> bool:
    depth, quote = 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "}" and depth == 0:
            return True
        else:
            depth += (char == "{") - (char == "}")
    return False


def typed_in(expression: str) -> Typed | None:
    """What is typed at the end of an expression; `None` inside of a text of its own."""
    tail = expression[-MAX_LENGTH:]
    if visits := _VISITS.search(tail):
        return Typed(visits["word"], None, is_text=True)
    if compared := _COMPARED.search(tail):
        return Typed(compared["word"], compared["owner"], is_text=True)
    if _is_quoted(tail):
        return None
    found = _END.search(tail)
    return Typed(found["word"], found["owner"]) if found is not None else None


def _is_quoted(text: str) -> bool:
    quote = ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[i - 1] != "\\" else quote
        elif char in "'\"":
            quote = char
    return bool(quote)


class Around:
    """The names that an expression at a path of a graph may speak, as if all of them had a value."""

    def __init__(self, unit: Unit, path: Path, expression: str = "") -> None:
        region = unit.flow.regions.get(str(path[1])) if path[:1] == ("nodes",) and len(path) > 1 else None
        self._names = AllNames(unit, region or unit.flow.root)
        self.own: dict[str, JsonSchema] = {}
        """The names of this place alone: what a condition is told, the outputs in a test, the variables of macros."""
        self._is_test = path[:1] == ("tests",)
        if self._is_test:
            self.own = {name: output_type(unit, output) for name, output in unit.graph.outputs.items()}
        node = unit.graph.nodes.get(str(path[1])) if path[:1] == ("nodes",) and len(path) > 1 else None
        for asked in conditions_of(unit, node) if node is not None else ():
            if asked.path == path[2:]:
                self.own |= asked.binds
        for loop in _LOOP.finditer(expression):
            self.own[loop["name"]] = _element(self.type_of(loop["over"]))

    def names(self) -> Iterator[tuple[str, JsonSchema]]:
        """Every name with its type."""
        yield from self.own.items()
        for name in dict.fromkeys(() if self._is_test else (*self._names.names(), "run")):
            if name not in self.own:
                yield name, self._names.type_of(name) or ANY

    def type_of(self, chain: str) -> JsonSchema:
        """The type of a name with fields; any where that is not known."""
        chain = chain.replace(".?", ".")
        root = re.split(r"[.\[]", chain, maxsplit=1)[0]
        schema = self.own.get(root) or (None if self._is_test else self._names.type_of(root))
        return check_expression(chain, FixedNames({root: schema})).schema if schema is not None else ANY

    def fields(self, chain: str) -> Iterator[tuple[str, JsonSchema, bool]]:
        """The fields of a name with fields: the name, the type, and whether every value has it."""
        schema = self.type_of(chain)
        for name in field_names(schema):
            found = field(schema, name)
            if found is not None:
                yield name, found.schema, found.always

    def values(self, chain: str) -> list[JsonValue]:
        """The texts that a name with fields may be, where there is a list of them."""
        return [value for value in choices(self.type_of(chain)) or () if isinstance(value, str)]


def _element(schema: JsonSchema) -> JsonSchema:
    return items(schema) if is_kind(schema, "array") else ANY


def methods_of(schema: JsonSchema) -> Iterator[str]:
    """What can be called on a value of a type."""
    if is_kind(schema, "array"):
        yield from (name for name in MACROS if not name.startswith("opt"))
    for name, signature in METHODS.items():
        target = signature.takes[0]
        if target is not None and any(is_kind(schema, kind) for kind in target):
            yield name


def functions() -> Iterator[str]:
    """What can be called by itself."""
    yield from (name for name in FUNCTIONS if "." not in name)
    yield from ("has", "visits")
