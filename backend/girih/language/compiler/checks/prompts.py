"""E205: prompt files exist in the workspace, can be read, and use only what is passed to them."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.prompts import is_outside
from girih.language.compiler.unit import Unit, finding
from girih.language.expressions.templates import PromptError, template_variables
from girih.language.nodes.base import PromptFile
from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.model import GraphNode
from girih.language.spec.suggest import did_you_mean, one_of


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check every prompt file of every node."""
    for node in unit.sound_nodes:
        for file in unit.kinds[node.verb].files(node.config):
            yield from _file(unit, node, file)


def _file(unit: Unit, node: GraphNode, file: PromptFile) -> Iterator[Diagnostic]:
    path = ("nodes", node.name, *file.path)
    where = unit.prompts.get(file.file)
    if where is None:
        if is_outside(file.file, unit.tree.source.name):
            message = f"prompt file '{file.file}' lies outside of the workspace"
            yield finding(unit, "E205", message, path, "a graph reads only the files of its own workspace")
        else:
            texts = [name for name in unit.files if not name.endswith((".yaml", ".yml", ".json"))]
            near = did_you_mean(file.file, texts)
            help_ = f"did you mean '{near}'?" if near else "the path begins at the workspace's own folder"
            yield finding(unit, "E205", f"prompt file '{file.file}' does not exist", path, help_)
        return
    used_by = (Related(unit.tree.at(path), f"'{node.name}' uses it here"),)
    try:
        variables = template_variables(unit.files[where])
    except PromptError as fault:
        place = Place(where, max(1, fault.line), fault.column, fault.length)
        yield Diagnostic("E205", fault.message, place, help=fault.help, related=used_by)
        return
    for variable in variables:
        if variable.name not in file.passed:
            place = Place(where, variable.line, variable.column, len(variable.name))
            message = f"the prompt uses '{variable.name}', which '{node.name}' does not pass to it"
            yield Diagnostic("E205", message, place, help=_way_out(variable.name, file), related=used_by)


def _way_out(name: str, file: PromptFile) -> str:
    near = did_you_mean(name, file.passed)
    passed = f"passed: {one_of(file.passed)}" if file.passed else "nothing is passed yet"
    return f"did you mean '{near}'? {passed}" if near else f'add {name}: "${{ … }}" under with:. {passed}'
