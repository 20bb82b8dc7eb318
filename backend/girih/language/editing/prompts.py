"""Prompt files in an editor: which nodes use one, what these pass to it, and what can be written in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from girih.language.compiler.typed_values import Values
from girih.language.compiler.unit import Unit
from girih.language.editing.options import Option
from girih.language.editing.positions import between
from girih.language.editing.reading import Reading
from girih.language.editing.wording import in_words
from girih.language.expressions.check import check_expression
from girih.language.expressions.kinds import ANY, field, field_names, is_kind, items, phrase, union
from girih.language.expressions.names import FixedNames
from girih.language.nodes.base import PromptFile
from girih.language.spec.model import GraphNode
from girih.language.spec.source import Source
from girih.language.spec.tree import JsonSchema

_CHAIN = r"[A-Za-z_]\w*(?:\[[^\[\]]{0,40}\]|\.[A-Za-z_]\w*)*"
_END = re.compile(rf"(?:(?P<owner>{_CHAIN})\.)?(?P<word>[A-Za-z_]?\w*)\Z")
_LOOP = re.compile(rf"\{{%-?\s*for\s+(?P<name>\w+)\s+in\s+(?P<over>{_CHAIN})")


def uses_of(unit: Unit, file: str) -> Iterator[tuple[GraphNode, PromptFile]]:
    """The nodes of a graph that read a file, and where they name it."""
    for node in unit.sound_nodes:
        for named in unit.kinds[node.verb].files(node.config):
            if unit.prompts.get(named.file) == file:
                yield node, named


def variables_of(reading: Reading, file: str) -> dict[str, JsonSchema]:
    """What is passed to a prompt file, with its types; from several nodes, everything any of them passes."""
    passed: dict[str, list[JsonSchema]] = {}
    for unit in reading.analysis.units.values():
        for node, named in uses_of(unit, file):
            for name, schema in _passed(unit, node, named).items():
                passed.setdefault(name, []).append(schema)
    return {name: union(schemas) for name, schemas in passed.items()}


def _passed(unit: Unit, node: GraphNode, named: PromptFile) -> dict[str, JsonSchema]:
    values = Values(unit.names_at(node.name), lambda *_: None, lambda *_: None)
    path = (*named.path[:-1], "with")
    for slot in unit.kinds[node.verb].slots(node.config, unit.scope_at(node.name)):
        if slot.path == path and isinstance(slot.value, dict):
            return {name: values.type_of(value) for name, value in slot.value.items()}
    return dict.fromkeys(named.passed, ANY)


def completions(source: Source, index: int, reading: Reading) -> list[Option]:
    """What can be written at a character of a prompt file: what is passed to it, and the fields of that."""
    before = source.text[:index]
    opened = max(before.rfind("{{"), before.rfind("{%"))
    found = _END.search(before)
    if found is None or opened < 0 or max(before.rfind("}}"), before.rfind("%}")) > opened:
        return []
    names = _with_loops(variables_of(reading, source.name), before)
    range_ = between(source, index - len(found["word"]), index)
    if found["owner"] is None:
        return [Option(name, "variable", name, range_, phrase(s), in_words(s)) for name, s in names.items()]
    schema = type_of(found["owner"], names)
    fields = ((name, field(schema, name)) for name in field_names(schema))
    return [Option(n, "field", n, range_, phrase(f.schema), in_words(f.schema)) for n, f in fields if f is not None]


def _with_loops(names: dict[str, JsonSchema], before: str) -> dict[str, JsonSchema]:
    for loop in _LOOP.finditer(before):
        over = type_of(loop["over"], names)
        names = {**names, loop["name"]: items(over) if is_kind(over, "array") else ANY}
    return names


def type_of(chain: str, names: dict[str, JsonSchema]) -> JsonSchema:
    """The type of a name with fields, as an expression would have it; any where that is not known."""
    return check_expression(chain, FixedNames(names)).schema
