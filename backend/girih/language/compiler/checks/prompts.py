"""E205, and E201, E203, E302 in prompt files: each exists, can be read, and uses only what is passed, as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from girih.language.compiler.prompts import is_outside
from girih.language.compiler.typed_values import Values
from girih.language.compiler.unit import Unit, finding
from girih.language.expressions.names import Finding
from girih.language.expressions.template_check import check_template
from girih.language.expressions.templates import PromptError, position, template_variables
from girih.language.nodes.base import PromptFile
from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.model import GraphNode
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonSchema


@dataclass(frozen=True)
class _Use:
    """A prompt file as one node uses it; `where` is its path in the workspace."""

    node: GraphNode
    file: PromptFile
    where: str


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check every prompt file of every node; what several uses of a file share is told once."""
    uses: dict[str, list[_Use]] = {}
    for node in unit.sound_nodes:
        for file in unit.kinds[node.verb].files(node.config):
            where = unit.prompts.get(file.file)
            if where is None:
                yield _missing(unit, node, file)
            elif file.noun == "prompt file":
                uses.setdefault(where, []).append(_Use(node, file, where))
    for where in uses:
        yield from _merged(list(_of_file(unit, uses[where])))


def _missing(unit: Unit, node: GraphNode, file: PromptFile) -> Diagnostic:
    path = ("nodes", node.name, *file.path)
    if is_outside(file.file, unit.tree.source.name):
        message = f"{file.noun} '{file.file}' lies outside of the workspace"
        return finding(unit, "E205", message, path, "a graph reads only the files of its own workspace")
    texts = [name for name in unit.files if not name.endswith((".yaml", ".yml", ".json"))]
    near = did_you_mean(file.file, texts)
    help_ = f"did you mean '{near}'?" if near else "the path begins at the workspace's own folder"
    return finding(unit, "E205", f"{file.noun} '{file.file}' does not exist", path, help_)


def _of_file(unit: Unit, uses: list[_Use]) -> Iterator[Diagnostic]:
    text = unit.files[uses[0].where]
    try:
        variables = template_variables(text)
    except PromptError as fault:
        place = Place(uses[0].where, max(1, fault.line), fault.column, fault.length)
        for use in uses:
            yield Diagnostic("E205", fault.message, place, help=fault.help, related=_used_by(unit, use))
        return
    never: list[set[tuple[int, str]]] = []
    dead: tuple[Finding, ...] = ()
    for use in uses:
        for variable in variables:
            if variable.name not in use.file.passed:
                place = Place(use.where, variable.line, variable.column, len(variable.name))
                message = f"the prompt uses '{variable.name}', which '{use.node.name}' does not pass to it"
                help_ = _way_out(variable.name, use.file)
                yield Diagnostic("E205", message, place, help=help_, related=_used_by(unit, use))
        checked = check_template(text, _passed(unit, use))
        dead = dead or checked.dead
        never.append({(fault.offset, fault.message) for fault in checked.dead})
        yield from (_at(unit, use, text, fault) for fault in checked.findings)
    shared = set.intersection(*never)
    yield from (_at(unit, uses[0], text, fault) for fault in dead if (fault.offset, fault.message) in shared)


def _passed(unit: Unit, use: _Use) -> dict[str, JsonSchema]:
    """The types of what a node passes to the file."""
    path = (*use.file.path[:-1], "with")
    values = Values(unit.names_at(use.node.name), lambda *_: None, lambda *_: None)
    for slot in unit.kinds[use.node.verb].slots(use.node.config, unit.scope):
        if slot.path == path and isinstance(slot.value, dict):
            return {name: values.type_of(value) for name, value in slot.value.items()}
    return {}


def _at(unit: Unit, use: _Use, text: str, fault: Finding) -> Diagnostic:
    place = Place(use.where, *position(text, fault.offset), fault.length)
    return Diagnostic(fault.code, fault.message, place, help=fault.help, related=_used_by(unit, use))


def _used_by(unit: Unit, use: _Use) -> tuple[Related, ...]:
    return (Related(unit.tree.at(("nodes", use.node.name, *use.file.path)), f"'{use.node.name}' uses it here"),)


def _merged(found: list[Diagnostic]) -> Iterator[Diagnostic]:
    """The same finding of several uses as one that names them all."""
    merged: dict[tuple[str, str, Place], Diagnostic] = {}
    for fault in found:
        key = (fault.code, fault.message, fault.place)
        known = merged.get(key)
        merged[key] = fault if known is None else replace(known, related=known.related + fault.related)
    yield from merged.values()


def _way_out(name: str, file: PromptFile) -> str:
    near = did_you_mean(name, file.passed)
    passed = f"passed: {one_of(file.passed)}" if file.passed else "nothing is passed yet"
    return f"did you mean '{near}'? {passed}" if near else f'add {name}: "${{ … }}" under with:. {passed}'
